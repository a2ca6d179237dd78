"""Sign-on through the national portal: the rich claim set of WSO2 Identity Server (identity facts 1.4)."""

"""The NGSP adapter of the post, which h2 calls itself and h3 reaches through an LGSP (postal facts 2 and 3.3)."""

"""The bill (ThongTinBienLai, bill_info): what is paid, into which account, and by whom; PP and KeyPay v3 share it."""

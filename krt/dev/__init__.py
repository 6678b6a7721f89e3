"""What `krt all --dev` embeds, and the tests with it: small working stand-ins, served on loopback only."""

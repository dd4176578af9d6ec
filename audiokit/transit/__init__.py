"""What a network does to packets, and what is played of what arrives; no sockets, no clock."""

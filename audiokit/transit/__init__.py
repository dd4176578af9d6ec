"""What a network does to packets, and what makes sound of them again; no sockets."""

"""How loud speech is, and making it as loud as it should be."""

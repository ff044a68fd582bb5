//! Raw public-key operations with a safe face: RSA with and without CRT, and modular exponentiation. It pads, hashes and decides nothing.

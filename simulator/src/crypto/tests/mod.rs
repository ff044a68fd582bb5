//! The module's cryptography as a whole, with published vectors and other implementations as oracles.

mod rsa;


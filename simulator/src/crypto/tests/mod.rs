//! The module's cryptography as a whole, with published vectors and other implementations as oracles.

mod channel;
mod dh;
mod dsa;
mod immediate;
mod rsa;
mod symmetric;

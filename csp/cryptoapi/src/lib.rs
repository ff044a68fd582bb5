//! CryptoAPI on Linux: the Crypt* functions, reaching providers only through their table of 25 entry points.

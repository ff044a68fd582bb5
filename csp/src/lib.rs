//! The CryptoAPI provider: contexts, containers, keys, hashes, blobs. Private keys never enter it.

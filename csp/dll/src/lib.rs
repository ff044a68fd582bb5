//! The provider as a loadable library: the 25 entry points and nothing else.

//! Scripts of commands against one module.

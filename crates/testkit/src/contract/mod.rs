//! What every adapter of a port has to do, one function for each promise.

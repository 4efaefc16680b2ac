//! Ports that fail on purpose. For anything else there are the reference adapters.

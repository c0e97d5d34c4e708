//! The only module that calls the API server.

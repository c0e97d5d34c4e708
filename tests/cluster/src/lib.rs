//! Starts throw-away clusters for tests.

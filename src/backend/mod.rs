//! What runs the turns.

pub mod app_server;

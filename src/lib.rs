//! An OpenAI-compatible HTTP API in front of a supervised `codex app-server`, with an event-sourced trace journal.
//!
//! `docs/architecture.md` draws the way of one request through these modules.

pub mod admin;
pub mod app;
pub mod backend;
pub mod byte_channel;
pub mod config;
pub mod ctl;
pub mod demo;
pub mod exit;
pub mod gateway;
pub mod http;
pub mod keys_command;
pub mod live;
pub mod logging;
pub mod memory;
pub mod openai;
pub mod private_folder;
pub mod projections;
pub mod record;
pub mod replay;
pub mod selftest;
pub mod state_dir;
pub mod turn;
pub mod upkeep;

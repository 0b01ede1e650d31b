//! hoist provisions and deploys web applications on servers that you own.
//!
//! The house: each room may use only the rooms printed below it (`tests/rooms.rs` checks that).
//! One run is told in ten steps in docs/architecture.md.

pub mod cli;
pub mod report;
pub mod deploy;
pub mod engine;
pub mod resource;
pub mod transport;
pub mod project;
pub mod template;
pub mod secret;
pub mod yaml;
pub mod shell;
pub mod diagnostic;

//! `hoist deploy`, `rollback`, `releases` and `maintenance` on hosts that serve an application.

mod failures;
mod forge;
mod hooks;
mod hostile;
mod interrupts;
mod kills;
mod older;
mod packages;
mod parts;
mod requests;
mod shop;
mod sources;
mod web;

//! `hoist deploy`, `rollback`, `releases` and `maintenance` on hosts that serve an application.

mod failures;
mod requests;
mod shop;
mod sources;
mod web;

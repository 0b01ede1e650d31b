//! Releases of an application across hosts. Each host keeps its releases side by side; a deploy makes a new one ready
//! on all of them, migrates once, switches all, checks all, and keeps it or puts every host back. What is done on a host
//! are the verbs of the `app` role; here is decided which, where and when.

pub mod app;
pub mod choose;
mod hooks;
mod inspect;
pub mod ledger;
pub mod look;
pub mod notify;
pub mod plan;
pub mod release;
pub mod run;
#[cfg(test)]
pub mod sample;
pub mod version;

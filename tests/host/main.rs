//! Against real servers and hosts, as one program. What a machine cannot run is skipped, with the reason.

mod faults;
mod common;
mod certbot;
mod fleet;
mod login;
mod machine;
mod matrix;
mod parity;
mod programs;
mod roles;
mod run;
mod secrets;
mod runtimes;
mod sshd;
mod transport;
mod vagrant;
mod web;

//! Against real servers and hosts, as one program. What a machine cannot run is skipped, with the reason.

mod certbot;
mod common;
mod deadlines;
mod faults;
mod fleet;
mod login;
mod machine;
mod matrix;
mod once;
mod parity;
mod pebble;
mod postgresql;
mod programs;
mod roles;
mod run;
mod runtimes;
mod secrets;
mod sets;
mod sshd;
mod stack;
mod switch;
mod transport;
mod vagrant;
mod web;

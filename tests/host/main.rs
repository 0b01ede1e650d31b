//! Against real servers and hosts, as one program. What a machine cannot run is skipped, with the reason.

mod sshd;
mod transport;

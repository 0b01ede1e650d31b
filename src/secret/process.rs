//! This process while it holds secrets: no core dump of it, and no other process of the user may look into it.

/// Shuts the process off. Where the system cannot do it, nothing happens.
pub fn guard() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

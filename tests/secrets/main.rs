//! Secrets as their users meet them: files of a project, commands, other programs. What a machine lacks is skipped, with
//! the reason.

mod bad;
mod cctv;
mod edit;
mod example;
mod git;
mod import;
mod interop;
mod leaks;
mod site;
mod team;

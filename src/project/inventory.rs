//! Hosts and groups of one environment, read from Ansible's INI or YAML form.

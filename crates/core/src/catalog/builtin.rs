//! The files of the event types that come with Fanfare, in the order in which they are shown.

macro_rules! files {
    ($($id:literal),* $(,)?) => {
        &[$((concat!($id, ".toml"), include_str!(concat!("../../catalog/", $id, ".toml")))),*]
    };
}

/// File names and texts.
pub(super) const FILES: &[(&str, &str)] = files![
    "user_login",
    "user_created",
    "restore_complete",
    "restore_failure",
    "config_backup",
    "system_error",
    "storage_usage_spike",
    "storage_limit_warning",
    "storage_missing_backup",
    "update_available",
    "integrity_check_failure",
    "connection_offline",
    "connection_online",
    "db_version_changed",
    "backup_success",
    "backup_partial",
    "backup_failure",
    "run_missed",
    "run_recovered",
];

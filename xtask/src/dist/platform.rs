//! Krew's platforms, and the names that go with them.

/// A platform that releases exist for, in Krew's words, which are Go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    os: &'static str,
    arch: &'static str,
}

impl Platform {
    /// The platform of a Rust target.
    pub(super) fn of(target: &str) -> Option<Self> {
        let arch = match target.split('-').next()? {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            _ => return None,
        };
        let os = ["linux", "darwin", "windows"]
            .into_iter()
            .find(|os| target.split('-').any(|part| part == *os))?;
        Some(Self { os, arch })
    }

    /// `kubectl-backup_v1.2.3_linux_amd64.tar.gz`.
    pub(super) fn archive_name(self, version: &str) -> String {
        format!("kubectl-backup_v{version}_{}_{}.tar.gz", self.os, self.arch)
    }

    /// The binary's file name there.
    pub(super) fn binary_name(self) -> &'static str {
        if self.os == "windows" { "kubectl-backup.exe" } else { "kubectl-backup" }
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn names_follow_the_target() {
        let names = |target| {
            let platform = Platform::of(target)?;
            Some((platform.archive_name("1.2.3"), platform.binary_name()))
        };
        let plain =
            |platform: &str| Some((format!("kubectl-backup_v1.2.3_{platform}.tar.gz"), "kubectl-backup"));
        assert_eq!(names("x86_64-unknown-linux-musl"), plain("linux_amd64"));
        assert_eq!(names("aarch64-unknown-linux-gnu"), plain("linux_arm64"));
        assert_eq!(names("aarch64-apple-darwin"), plain("darwin_arm64"));
        let (archive, binary) = names("x86_64-pc-windows-msvc").unwrap();
        assert!(archive.ends_with("_windows_amd64.tar.gz"));
        assert_eq!(binary, "kubectl-backup.exe");
        assert_eq!(names("riscv64gc-unknown-linux-gnu"), None);
        assert_eq!(names("x86_64-unknown-freebsd"), None);
    }
}

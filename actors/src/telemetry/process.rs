//! What the operating system says of this process, where it says it in `/proc`.

use std::fs;

/// Returns the resident memory in bytes; `None` where the system does not tell.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    resident(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Returns the time that all processors have spent on this process, in seconds; `None` where the system does not tell.
#[must_use]
pub fn cpu_seconds() -> Option<f64> {
    cpu(&fs::read_to_string("/proc/self/stat").ok()?)
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

fn cpu(stat: &str) -> Option<f64> {
    // The name of the process, in brackets, may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS)
}

/// Linux counts in hundredths of a second here, whatever its own clock does.
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_among_the_others() {
        let status = "Name:\tgreen room\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!(resident(status), Some(10 << 20));
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 3 4 20 0 9 0 100 0";
        assert_eq!(cpu(stat), Some(3.0));
        assert_eq!((resident("nothing"), cpu("nothing")), (None, None));
    }
}

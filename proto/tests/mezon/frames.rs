//! The recorded frames.

use bytes::Bytes;
use greenroom_proto::mezon::Wire;

const OLDER: &str = include_str!("../golden/v1.txt");
const NEWEST: &str = include_str!("../golden/v2.txt");

/// A recorded frame.
pub(crate) fn frame(wire: Wire, name: &str) -> Bytes {
    let found = all()
        .into_iter()
        .find(|(on, called, _)| (*on, *called) == (wire, name));
    found.expect("a recorded frame").2
}

/// All recorded frames.
pub(crate) fn all() -> Vec<(Wire, &'static str, Bytes)> {
    let files = [(Wire::V1, OLDER), (Wire::V2, NEWEST)].into_iter();
    let lines = files.flat_map(|(wire, file)| file.lines().map(move |line| (wire, line)));
    lines
        .filter(|(_, line)| !line.starts_with('#'))
        .map(|(wire, line)| {
            let (name, bytes) = line.split_once(' ').expect("a name and bytes");
            (wire, name, unhex(bytes))
        })
        .collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Bytes {
    let digits: Vec<u8> = (text.chars())
        .map(|c| c.to_digit(16).expect("a hexadecimal digit") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

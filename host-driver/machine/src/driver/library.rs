//! A copy of the CCID driver's library that reads its list of readers from another bundle.

use super::Usb;

/// libccid opens only the readers that its own bundle lists, and this name of that bundle is compiled into it
/// (CCID, src/ccid_usb.c, OpenUSBByName): a link to it from another bundle finds no reader.
const OWN: &[u8] = b"\0ifd-ccid.bundle\0";

/// The library with the name of its bundle replaced by another name of the same length.
pub(super) fn renamed(library: &[u8], usb: Usb) -> Result<Vec<u8>, &'static str> {
    if !library.starts_with(b"\x7fELF") {
        return Err("it is no ELF library");
    }
    let mut places =
        (0..library.len().saturating_sub(OWN.len() - 1)).filter(|at| library[*at..].starts_with(OWN));
    let (Some(place), None) = (places.next(), places.next()) else {
        return Err("the name of its bundle, ifd-ccid.bundle, does not stand in it exactly once");
    };
    let mut renamed = library.to_vec();
    let link = usb.link();
    let name = &mut renamed[place + 1..place + OWN.len() - 1];
    // A name of another length would move every address behind it.
    assert_eq!(link.len(), name.len(), "the link's name is as long as the bundle's");
    name.copy_from_slice(link.as_bytes());
    Ok(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_changes_and_only_where_it_stands_once() {
        let library = [b"\x7fELF".as_slice(), b"%s/%s\0ifd-ccid.bundle\0more"].concat();
        let renamed = renamed(&library, Usb((0x1209, 1))).unwrap();
        assert_eq!(renamed, [b"\x7fELF".as_slice(), b"%s/%s\0ushield12090001\0more"].concat());
        for wrong in [
            b"\x7fELF".to_vec(),
            b"\0ifd-ccid.bundle\0".to_vec(),
            [library.as_slice(), b"\0ifd-ccid.bundle\0"].concat(),
            b"\x7fELFlib/ifd-ccid.bundle\0".to_vec(),
        ] {
            assert!(super::renamed(&wrong, Usb((1, 1))).is_err());
        }
    }
}

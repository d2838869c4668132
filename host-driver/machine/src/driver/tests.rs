//! Drivers in a folder that looks like Debian's: libccid's Info.plist is a link to /etc.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{brand, system::fake::Fake};

const DRIVERS: &str = "/usr/lib/pcsc/drivers";
const INDIGO: &str = "/usr/lib/pcsc/drivers/ushield-indigo.bundle";
const LIBCCID: &str = "\x7fELF ccid 1\0%s/%s/Contents/Info.plist\0ifd-ccid.bundle\0";

pub fn list(readers: &[(&str, &str, &str)]) -> String {
    let column = |key: &str, values: Vec<&str>| {
        let values: String = values.iter().map(|value| format!("<string>{value}</string>")).collect();
        format!("<key>{key}</key>\n<array>{values}</array>\n")
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n\
         <key>CFBundleExecutable</key>\n<string>libccid.so</string>\n<!-- values -->\n{}{}{}</dict>\n</plist>\n",
        column("ifdVendorID", readers.iter().map(|reader| reader.0).collect()),
        column("ifdProductID", readers.iter().map(|reader| reader.1).collect()),
        column("ifdFriendlyName", readers.iter().map(|reader| reader.2).collect()),
    )
}

fn debian() -> Fake {
    let fake = Fake::new();
    fake.file("/etc/libccid_Info.plist", &list(&[("0x163C", "0x0407", "Watchdata USB Key")]));
    fake.file(&format!("{DRIVERS}/ifd-ccid.bundle/Contents/Linux/libccid.so"), LIBCCID);
    let link = fake.folder.path().join("usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist");
    symlink("/etc/libccid_Info.plist", link).unwrap();
    fake
}

fn named(name: &str) -> NamedBrand {
    brand::named(name).unwrap()
}

/// Every file and link below the drivers' folder, with its contents or target.
fn everything(fake: &Fake) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.display().to_string();
            if kind.is_dir() {
                into.push((name, Vec::new()));
                walk(&path, into);
            } else if kind.is_symlink() {
                into.push((name, fs::read_link(&path).unwrap().to_string_lossy().into_owned().into()));
            } else {
                into.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(fake.folder.path(), &mut found);
    found.sort();
    found
}

#[test]
fn installed_for_one_brand_and_undone_without_a_trace() {
    let fake = debian();
    let system = fake.system();
    let before = everything(&fake);
    assert!(
        matches!(install(&system, &named("indigo")).unwrap(), Deed::Installed(folder) if folder == Path::new(INDIGO))
    );

    let catalogue = Catalogue::find(&system).unwrap();
    let (bundle, reader) = catalogue.server_of(Usb((0x1209, 1))).unwrap();
    assert_eq!(
        (bundle.name().as_str(), reader.name.as_str()),
        ("ushield-indigo.bundle", "Indigo test shield")
    );
    assert_eq!(bundle.readers.len(), 1);
    assert!(catalogue.server_of(Usb((0x1209, 2))).is_none());
    // The library finds its list by the link.
    let library = fake.read(&format!("{INDIGO}/Contents/Linux/libccid.so")).unwrap();
    assert_eq!(library, LIBCCID.replace("ifd-ccid.bundle", "ushield12090001"));
    let list = fake.read(&format!("{DRIVERS}/ushield12090001/Contents/Info.plist")).unwrap();
    assert!(list.contains("0x1209") && list.contains("0x0001") && !list.contains("0x163C"), "{list}");
    // pcscd runs as another user than who installs.
    let mode = fs::metadata(fake.folder.path().join(&INDIGO[1..])).unwrap().permissions().mode();
    assert_eq!(mode & 0o055, 0o055);

    // Once more changes nothing that matters, and leaves nothing lying about.
    let once = everything(&fake);
    install(&system, &named("indigo")).unwrap();
    assert_eq!(everything(&fake), once);

    remove(&system, "indigo").unwrap();
    assert_eq!(everything(&fake), before);
    assert!(remove(&system, "indigo").unwrap_err().to_string().contains("no driver here"));
}

#[test]
fn what_is_served_already_needs_none() {
    let fake = debian();
    let before = everything(&fake);
    let Deed::Needless { bundle, reader } = install(&fake.system(), &named("standard")).unwrap() else {
        panic!("it was installed")
    };
    assert_eq!((bundle.as_str(), reader.as_str()), ("ifd-ccid.bundle", "Watchdata USB Key"));
    assert_eq!(everything(&fake), before);
}

#[test]
fn what_it_did_not_make_is_left_alone() {
    let fake = debian();
    let system = fake.system();
    // A stranger's bundle of our name, and ours with a stranger in it.
    fake.file(&format!("{INDIGO}/Contents/Info.plist"), &list(&[("0x1209", "0x0099", "x")]));
    for text in [install(&system, &named("indigo")).err(), remove(&system, "indigo").err()] {
        let text = text.unwrap().to_string();
        assert!(text.contains("left alone") && text.contains("did not make it"), "{text}");
    }
    fs::remove_dir_all(fake.folder.path().join(&INDIGO[1..])).unwrap();
    install(&system, &named("indigo")).unwrap();
    fake.file(&format!("{INDIGO}/Contents/Linux/mine.so"), "");
    let text = remove(&system, "indigo").unwrap_err().to_string();
    assert!(text.contains("Contents/Linux/mine.so"), "{text}");
    assert!(fake.read(&format!("{INDIGO}/Contents/Info.plist")).is_some());
}

#[test]
fn two_brands_do_not_share_identifiers() {
    let fake = debian();
    let system = fake.system();
    install(&system, &named("indigo")).unwrap();
    let twin = NamedBrand { name: "twin".into(), ..named("indigo") };
    let text = install(&system, &twin).err().unwrap().to_string();
    assert!(text.contains("ushield-indigo.bundle"), "{text}");
}

#[test]
fn updates_and_damage_are_seen_and_mended() {
    let fake = debian();
    let system = fake.system();
    install(&system, &named("indigo")).unwrap();
    let condition = || {
        let catalogue = Catalogue::find(&system).unwrap();
        catalogue.installed(&system).iter().map(|driver| driver.condition).collect::<Vec<_>>()
    };
    assert_eq!(condition(), [Condition::Current]);
    fake.file(
        &format!("{DRIVERS}/ifd-ccid.bundle/Contents/Linux/libccid.so"),
        &LIBCCID.replace("ccid 1", "ccid 2"),
    );
    assert_eq!(condition(), [Condition::Outdated]);
    install(&system, &named("indigo")).unwrap();
    assert_eq!(condition(), [Condition::Current]);
    fs::remove_file(fake.folder.path().join("usr/lib/pcsc/drivers/ushield12090001")).unwrap();
    assert_eq!(condition(), [Condition::Damaged]);
    install(&system, &named("indigo")).unwrap();
    fake.file(&format!("{INDIGO}/Contents/Linux/libccid.so"), "");
    assert_eq!(condition(), [Condition::Damaged]);
}

#[test]
fn the_folder_is_the_one_that_pcscd_reads() {
    let fake = Fake::new();
    let text = Catalogue::find(&fake.system()).err().unwrap().to_string();
    assert!(text.contains("/usr/lib64/pcsc/drivers") && text.contains("dnf install"), "{text}");
    // Fedora's, then one that pcscd was told when it was built.
    for (folder, says) in
        [("/usr/lib64/pcsc/drivers", None), ("/opt/drivers", Some("usbdropdir=/opt/drivers"))]
    {
        fake.file(&format!("{folder}/ifd-ccid.bundle/Contents/Info.plist"), &list(&[]));
        if let Some(says) = says {
            fake.answers("pcscd --version", 0, &format!("Enabled features: usb {says} filter\n"));
        }
        assert_eq!(Catalogue::find(&fake.system()).unwrap().folder, Path::new(folder));
    }
}

#[test]
fn a_library_of_another_kind_and_names_that_name_no_file() {
    let fake = debian();
    let system = fake.system();
    fake.file(&format!("{DRIVERS}/ifd-ccid.bundle/Contents/Linux/libccid.so"), "\x7fELF");
    let text = install(&system, &named("indigo")).err().unwrap().to_string();
    assert!(text.contains("exactly once"), "{text}");
    for name in ["", "Ä", "../x", "a b", &"x".repeat(33)] {
        assert!(remove(&system, name).is_err(), "{name}");
        assert!(install(&system, &NamedBrand { name: name.into(), ..named("indigo") }).is_err(), "{name}");
    }
    let mut chinese = named("indigo");
    chinese.brand.product[0] = "靛盾".into();
    let debian = debian();
    assert!(install(&debian.system(), &chinese).err().unwrap().to_string().contains("product"));
}

#[test]
fn an_image_does_not_lead_out_of_itself() {
    let (host, image) = (debian(), Fake::new());
    let brand = brand::named("indigo").unwrap();
    fs::create_dir_all(image.folder.path().join("usr/lib/pcsc")).unwrap();
    symlink(
        host.folder.path().join("usr/lib/pcsc/drivers"),
        image.folder.path().join("usr/lib/pcsc/drivers"),
    )
    .unwrap();
    let before = host.system().names(DRIVERS);
    let refused = [install(&image.system(), &brand).map(drop), remove(&image.system(), "indigo").map(drop)];
    for refused in refused {
        assert!(refused.unwrap_err().to_string().contains("leads out of"));
    }
    assert_eq!(host.system().names(DRIVERS), before);
}

//! What `up` says once tokens can be attached.

use std::net::{IpAddr, SocketAddr};

use host_driver::{
    control::view::{Ready, Redirection, Token},
    paths::quoted,
};
use terminal::Paint;
use wire::display::escaped;

use super::address::{full, host};

/// The port that IANA assigned to USB/IP: commands need not name it.
const USUAL: u16 = wire::usbip::PORT;

/// The whole text. `notes` say what the holder of a new token must know, `control` is the option by which a command finds
/// this `up` and no other, and `link` opens the page of the tokens.
pub(super) fn text(
    ready: &Ready,
    listen: SocketAddr,
    control: &str,
    notes: &[String],
    link: Option<&str>,
    paint: Paint,
) -> String {
    let mut out = String::new();
    for token in &ready.tokens {
        let Token { bus_id, serial, product, usb, .. } = token;
        out += &format!(
            "{} {}, serial {}, USB {usb}\n",
            paint.bold(&format!("Plugged in: {bus_id}")),
            escaped(product),
            escaped(serial)
        );
    }
    for note in notes {
        out += &format!("{note}\n");
    }
    if let Some(link) = link {
        out += &format!(
            "\n{}\n  {link}\n  The link opens the page once. Another browser needs another link: ushield panel{control}\n",
            paint.bold("See it and press its buttons in your browser")
        );
    }
    let bus_id = ready.tokens.first().map_or("1-1", |token| token.bus_id.as_str());
    out += &format!("\n{}\n", paint.bold("Attach it"));
    for (place, command) in attach(listen, bus_id) {
        out += &format!("  {place:<24} {command}\n");
    }
    if listen.ip().is_loopback() {
        let command = format!(
            "ushield up --listen 0.0.0.0:{} --allow ITS-ADDRESS, then attach -r THIS-MACHINE",
            listen.port()
        );
        out += &format!("  {:<24} {command}\n", "another VM or machine");
    }
    for redirection in &ready.health.usbredir {
        let (place, command) = qemu(redirection);
        out += &format!("  {place:<24} {command}\n");
    }
    let road = match &ready.health.unix {
        _ if listen.port() == USUAL && listen.ip().is_loopback() => String::new(),
        Some(unix) => format!(" --usbip {}", quoted(unix)),
        None => format!(" --usbip {}", full(local(listen))),
    };
    out += &format!(
        "\n{}\n",
        paint.bold("Use it without attaching (programs of this project speak USB/IP themselves)")
    );
    for (what, command) in [
        ("make a bank's CA", "cert-tool ca init --dir CA".to_owned()),
        (
            "get a personal ID",
            format!("cert-tool enrol --ca CA --name 张三 --user-id 6222020200112233{road}"),
        ),
        ("sign a payment", format!("ushield pay ORDER.json --out F.cms{road}")),
        ("see and press", format!("ushield screen{control}; ushield press ok{control}")),
        ("stop", format!("ushield down{control}   (or Ctrl-C here)")),
    ] {
        out += &format!("  {what:<24} {command}\n");
    }
    let unix =
        ready.health.unix.as_ref().map_or_else(String::new, |unix| format!(", tokens at {}", escaped(unix)));
    let control = escaped(&ready.health.control);
    out + &format!(
        "\n{}",
        paint.dim(&format!("control socket {control}, process {}{unix}", ready.health.pid))
    )
}

/// The commands that attach a token, by the system on which they are typed.
fn attach(listen: SocketAddr, bus_id: &str) -> [(&'static str, String); 3] {
    // A QEMU guest with user networking reaches the host's loopback interface as 10.0.2.2. The server sees QEMU's user.
    let here = local(listen);
    let guest = match listen.ip() {
        ip if ip.is_loopback() => "10.0.2.2".to_owned(),
        ip if ip.is_unspecified() => "HOST".to_owned(),
        // The zone of a link-local address is an interface of the guest.
        IpAddr::V6(ip) if ip.is_unicast_link_local() => format!("{ip}%INTERFACE"),
        ip => ip.to_string(),
    };
    let port = |option: &str| {
        if listen.port() == USUAL { String::new() } else { format!(" {option} {}", listen.port()) }
    };
    let linux = port("--tcp-port");
    let own = if listen.port() == USUAL { host(here) } else { full(here) };
    [
        ("this Linux", format!("sudo ushield attach {own} {bus_id}")),
        (
            if listen.ip().is_loopback() { "Linux in QEMU (user net)" } else { "Linux in a VM" },
            format!("sudo modprobe vhci-hcd && sudo usbip{linux} attach -r {guest} -b {bus_id}"),
        ),
        (
            if listen.ip().is_loopback() { "Windows in QEMU" } else { "Windows (usbip-win2)" },
            format!("usbip.exe{} attach -r {guest} -b {bus_id}", port("-t")),
        ),
    ]
}

/// The options by which QEMU gives its guest a token. The guest needs no driver.
fn qemu(redirection: &Redirection) -> (String, String) {
    let address = redirection.address.parse();
    let address = address.map_or_else(|_| redirection.address.clone(), |address| local(address).to_string());
    let (host, port) = address.rsplit_once(':').unwrap_or((&address, ""));
    let place =
        redirection.bus_id.as_ref().map_or("QEMU".to_owned(), |bus_id| format!("QEMU, token {bus_id}"));
    let host = host.trim_matches(['[', ']']);
    let options = format!(
        "-device qemu-xhci -chardev socket,id=shield,host={host},port={port} -device usb-redir,chardev=shield"
    );
    (place, options)
}

/// Where a program on this machine finds the server.
fn local(listen: SocketAddr) -> SocketAddr {
    match listen {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (std::net::Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_is_told_where_to_connect() {
        let options = |listen: &str, bus_id: Option<&str>| {
            qemu(&Redirection { address: listen.into(), bus_id: bus_id.map(Into::into) })
        };
        let (place, command) = options("[::]:4321", Some("1-2"));
        assert_eq!(place, "QEMU, token 1-2");
        assert_eq!(
            command,
            "-device qemu-xhci -chardev socket,id=shield,host=::1,port=4321 -device usb-redir,chardev=shield"
        );
        assert!(options("127.0.0.1:9", None).1.contains("host=127.0.0.1,port=9 "));
    }

    #[test]
    fn a_link_local_address_keeps_its_zone() {
        let commands = |listen: &str| attach(listen.parse().unwrap(), "1-1").map(|(_, command)| command);
        let [own, linux, _] = commands("[fe80::1%1]:3240");
        assert_eq!(own, "sudo ushield attach fe80::1%lo 1-1");
        assert!(linux.ends_with("attach -r fe80::1%INTERFACE -b 1-1"), "{linux}");
        assert!(commands("[fe80::1%1]:9")[0].contains("attach [fe80::1%lo]:9 1-1"));
    }

    #[test]
    fn commands_name_the_port_only_where_they_must() {
        let commands = |listen: &str| attach(listen.parse().unwrap(), "1-1").map(|(_, command)| command);
        assert_eq!(
            commands("127.0.0.1:3240"),
            [
                "sudo ushield attach 127.0.0.1 1-1",
                "sudo modprobe vhci-hcd && sudo usbip attach -r 10.0.2.2 -b 1-1",
                "usbip.exe attach -r 10.0.2.2 -b 1-1",
            ]
        );
        assert_eq!(
            commands("0.0.0.0:4000"),
            [
                "sudo ushield attach 127.0.0.1:4000 1-1",
                "sudo modprobe vhci-hcd && sudo usbip --tcp-port 4000 attach -r HOST -b 1-1",
                "usbip.exe -t 4000 attach -r HOST -b 1-1",
            ]
        );
    }
}

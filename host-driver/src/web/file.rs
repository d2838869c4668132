//! The files of the page. They are part of the program: nothing is loaded from elsewhere.

use loopback::page::File;

/// The page and its parts.
pub(super) const FILES: &[File] = &[
    File { path: "/", kind: "text/html; charset=utf-8", content: include_str!("page/panel.html") },
    File { path: "/panel.css", kind: "text/css; charset=utf-8", content: include_str!("page/panel.css") },
    File {
        path: "/panel.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("page/panel.js"),
    },
    File {
        path: "/words.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("page/words.js"),
    },
    File { path: "/icon.svg", kind: "image/svg+xml", content: include_str!("page/icon.svg") },
];

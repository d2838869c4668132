//! The tokens of one source file: which modules it has, and which paths it names outside tests.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::item::pass_item;

/// A path as a source writes it: `["crate", "pin", "Verified"]`. A glob ends with `*`.
pub type Path = Vec<String>;

/// What one module says outside tests.
#[derive(Debug, Default)]
pub struct Source {
    /// The modules that it opens, in the order of their `mod` lines.
    pub children: Vec<Child>,
    /// What `use` brings in, and what a `type` stands for, by the name that it has here. A name has several paths when it is
    /// written twice under two conditions, or when its type is made of several.
    pub names: BTreeMap<String, BTreeSet<Path>>,
    /// Every path of `use` lines, and every path of two names or more in code, macros and attributes.
    pub paths: BTreeSet<Path>,
    /// What the law cannot see through: what the file does, and why that is refused.
    pub refused: BTreeSet<(&'static str, &'static str)>,
}

const SECOND_NAME: (&str, &str) =
    ("gives its crate a second name", "(`extern crate self` hides who is imported; write `crate::`)");
const INCLUDED: (&str, &str) = (
    "includes another file as code",
    "(nobody reads the imports of what `include!` takes; make it a module)",
);
pub const NAMED_FILE: (&str, &str) = (
    "names the file of a module",
    "(with `#[path]` a file is read at another place; a module's file stands where its name says)",
);

/// A `mod` line.
#[derive(Debug)]
pub struct Child {
    pub name: String,
    /// The body of `mod name { … }`; without one the module has a file of its own.
    pub body: Option<TokenStream>,
}

/// Reads a file, or the body of an inline module.
pub fn read(tokens: TokenStream) -> Source {
    let mut source = Source::default();
    source.tokens(tokens, true);
    source
}

pub fn parse(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{error} in {text}"))
}

impl Source {
    /// Walks tokens, not syntax, because imports hide in macros too. `open` tells the module's own level, and the level of
    /// a macro's call there, from the inside of an item.
    fn tokens(&mut self, tokens: TokenStream, open: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        while let Some((first, after)) = rest.split_first() {
            let before = rest;
            rest = match (first, after) {
                (TokenTree::Punct(hash), _) if hash.as_char() == '#' => self.attributes(rest),
                (TokenTree::Punct(mark), [TokenTree::Group(call), after @ ..]) if mark.as_char() == '!' => {
                    self.tokens(call.stream(), open);
                    after
                }
                // What follows a leading `::`, or the `::` after a type, names nothing of this crate.
                (TokenTree::Punct(_), _) => match colons(rest) {
                    Some(after) => pass_path(after),
                    None => after,
                },
                (TokenTree::Ident(word), _) if word == "mod" => self.module(after),
                (TokenTree::Ident(word), _) if word == "use" => self.import(after),
                (TokenTree::Ident(word), [TokenTree::Ident(name), after @ ..]) if word == "type" => {
                    if open {
                        self.alias(plain(name), after);
                    }
                    after
                }
                (TokenTree::Ident(_), _) => self.path(rest),
                (TokenTree::Group(group), _) => {
                    self.tokens(group.stream(), false);
                    after
                }
                (TokenTree::Literal(_), _) => after,
            };
            if !matches!(first, TokenTree::Punct(hash) if hash.as_char() == '#') {
                (0..before.len() - rest.len()).for_each(|at| self.refuse(&before[at..]));
            }
        }
    }

    /// Refuses what gives a name or a file a second place.
    fn refuse(&mut self, rest: &[TokenTree]) {
        match rest {
            [TokenTree::Ident(name), mark, TokenTree::Group(file), ..]
                if name == "include" && is(mark, '!') && !is_built(file.stream()) =>
            {
                self.refused.insert(INCLUDED);
            }
            [TokenTree::Ident(word), TokenTree::Ident(krate), TokenTree::Ident(own), ..]
                if word == "extern" && krate == "crate" && own == "self" =>
            {
                self.refused.insert(SECOND_NAME);
            }
            _ => {}
        }
    }

    /// After `mod`.
    fn module<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let [TokenTree::Ident(name), body, after @ ..] = rest else { return rest };
        let body = match body {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        };
        self.children.push(Child { name: plain(name), body });
        after
    }

    /// After `type name`: whoever takes the name takes all that it stands for.
    fn alias(&mut self, name: String, rest: &[TokenTree]) {
        let mut parts = rest.splitn(2, |token| is(token, '='));
        let Some(whole) = parts.nth(1).and_then(|after| after.split(|token| is(token, ';')).next()) else {
            return;
        };
        let mut paths = BTreeSet::new();
        paths_of(whole, &mut paths);
        self.names.entry(name).or_default().extend(paths);
    }

    /// After `use`.
    fn import<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        // `impl Trait + use<'a>` captures, and imports nothing.
        if rest.first().is_some_and(|token| is(token, '<')) {
            return rest;
        }
        let end = rest.iter().position(|token| is(token, ';')).unwrap_or(rest.len());
        match colons(rest) {
            // Another crate's, whatever it is called.
            Some(_) => self.tree(&rest[2..end], &["::".to_owned()]),
            None => self.tree(&rest[..end], &[]),
        }
        &rest[end..]
    }

    /// One branch of a `use` line: `a::b`, `a::b as c`, `a::*`, `a::{…}`.
    fn tree(&mut self, tokens: &[TokenTree], before: &[String]) {
        match tokens {
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Brace => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inside.split(|token| is(token, ',')) {
                    self.tree(branch, before);
                }
            }
            [TokenTree::Ident(name)] if name == "self" && !before.is_empty() => self.name(before, None),
            [TokenTree::Ident(name)] => self.name(&[before, &[plain(name)]].concat(), None),
            [TokenTree::Ident(name), TokenTree::Ident(word), TokenTree::Ident(alias)] if word == "as" => {
                let whole = if name == "self" { before.to_vec() } else { [before, &[plain(name)]].concat() };
                self.name(&whole, Some(plain(alias)));
            }
            [TokenTree::Ident(name), after @ ..] => {
                if let Some(after) = colons(after) {
                    self.tree(after, &[before, &[plain(name)]].concat());
                }
            }
            [star] if is(star, '*') => {
                self.paths.insert([before, &["*".to_owned()]].concat());
            }
            _ => {}
        }
    }

    fn name(&mut self, path: &[String], alias: Option<String>) {
        let alias = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        if path.len() > 1 && path[path.len() - 1] == "include" {
            self.refused.insert(INCLUDED);
        }
        self.names.entry(alias).or_default().insert(path.to_vec());
        self.paths.insert(path.to_vec());
    }

    /// A path in code, from its first name on.
    fn path<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let (names, rest) = path_of(rest);
        if names.len() > 1 {
            self.paths.insert(names);
        }
        rest
    }

    /// All attributes of one item, from the first `#` on. Passes over the item too when it is test code, and over the
    /// rest of a file or a body that says so of itself.
    fn attributes<'a>(&mut self, rest: &'a [TokenTree]) -> &'a [TokenTree] {
        if let [_, mark, TokenTree::Group(group), after @ ..] = rest
            && is(mark, '!')
        {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            if is_test(&inside) {
                return &[];
            }
            self.attribute(&inside);
            return after;
        }
        let (mut after, mut found) = (rest, Vec::new());
        while let [hash, TokenTree::Group(group), behind @ ..] = after
            && is(hash, '#')
        {
            found.push(group.stream().into_iter().collect::<Vec<TokenTree>>());
            after = behind;
        }
        if found.iter().any(|inside| is_test(inside)) {
            return pass_item(rest);
        }
        found.iter().for_each(|inside| self.attribute(inside));
        // A `#` in a macro may begin no attribute.
        if found.is_empty() { &rest[1..] } else { after }
    }

    /// The inside of one attribute: macros take paths there, and `path` another file.
    fn attribute(&mut self, inside: &[TokenTree]) {
        match inside {
            [TokenTree::Ident(word), equals, ..] if word == "path" && is(equals, '=') => {
                self.refused.insert(NAMED_FILE);
            }
            [TokenTree::Ident(word), TokenTree::Group(list)] if word == "cfg_attr" => {
                let list: Vec<TokenTree> = list.stream().into_iter().collect();
                let mut parts = list.split(|token| is(token, ','));
                let condition = parts.next().unwrap_or_default();
                if !in_tests_only(condition.iter().cloned().collect()) {
                    parts.for_each(|attribute| self.attribute(attribute));
                }
            }
            _ => self.tokens(inside.iter().cloned().collect(), false),
        }
    }
}

/// `r#type` is `type`.
fn plain(name: &proc_macro2::Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// What follows `::`, if `::` it is.
fn colons(rest: &[TokenTree]) -> Option<&[TokenTree]> {
    match rest {
        [TokenTree::Punct(first), second, after @ ..]
            if first.as_char() == ':' && first.spacing() == Spacing::Joint && is(second, ':') =>
        {
            Some(after)
        }
        _ => None,
    }
}

/// The names of `a::b::c`, and what follows.
fn path_of(mut rest: &[TokenTree]) -> (Path, &[TokenTree]) {
    let mut names = Path::new();
    while let [TokenTree::Ident(name), after @ ..] = rest {
        names.push(plain(name));
        rest = after;
        match colons(after) {
            Some(on @ [TokenTree::Ident(_), ..]) => rest = on,
            _ => break,
        }
    }
    (names, rest)
}

/// Every path of a type, of one name as well.
fn paths_of(mut rest: &[TokenTree], found: &mut BTreeSet<Path>) {
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            TokenTree::Ident(_) => {
                let (path, after) = path_of(rest);
                found.insert(path);
                after
            }
            TokenTree::Group(group) => {
                paths_of(&group.stream().into_iter().collect::<Vec<_>>(), found);
                after
            }
            _ => colons(rest).map_or(after, pass_path),
        };
    }
}

/// Whether `include!` takes a file that the build script made: `concat!(env!("OUT_DIR"), "/name.rs")`.
fn is_built(file: TokenStream) -> bool {
    let file = file.to_string().replace(' ', "");
    file.starts_with("concat!(env!(\"OUT_DIR\"),\"/")
        && !file.contains(['\\'])
        && !file.contains("..")
        && file.matches("\"").count() == 4
}

/// Passes over `a::b::c`.
fn pass_path(mut rest: &[TokenTree]) -> &[TokenTree] {
    while let [TokenTree::Ident(_), after @ ..] = rest {
        match colons(after) {
            Some(on) => rest = on,
            None => return after,
        }
    }
    rest
}

/// Whether an attribute is a `cfg` that holds in tests only.
fn is_test(attribute: &[TokenTree]) -> bool {
    match attribute {
        [TokenTree::Ident(cfg), TokenTree::Group(condition)] if cfg == "cfg" => {
            in_tests_only(condition.stream())
        }
        _ => false,
    }
}

/// Whether the condition of a `cfg` holds in tests only: `test`, `all(test, …)`, `any(test)`; not `any(test, unix)`.
fn in_tests_only(condition: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    match &tokens[..] {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(list)] => {
            let list: Vec<TokenTree> = list.stream().into_iter().collect();
            let mut parts = list
                .split(|token| is(token, ','))
                .filter(|part| !part.is_empty())
                .map(|part| in_tests_only(part.iter().cloned().collect()));
            match &*word.to_string() {
                "all" => parts.any(|part| part),
                "any" => parts.all(|part| part),
                _ => false,
            }
        }
        _ => false,
    }
}

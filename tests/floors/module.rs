//! The modules of one program or library, and who of them climbs: the order of `mod` lines is the law, in the root and
//! in every folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{NAMED_FILE, Path, Source, parse, read};

/// A library or a program: its root, and the files of the root's folder.
pub struct House {
    /// The folder, as messages name it: `firmware/src`.
    pub folder: String,
    /// `lib.rs` or `main.rs`.
    pub root: String,
    /// The files below the folder, by their path in it.
    pub files: BTreeMap<String, String>,
}

/// An import that goes up.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Climber {
    /// The file, and the module that it imports.
    pub head: String,
    /// What it imports of the module, and why that is up.
    pub why: String,
}

impl std::fmt::Display for Climber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.head, self.why)
    }
}

/// One module. Its path from the root is its key in [`Tree`]; the root's is empty.
struct Module {
    file: String,
    children: Vec<String>,
    source: Source,
}

type Tree = BTreeMap<Path, Module>;

/// What one module takes from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    from: Path,
    to: Path,
    name: String,
}

impl House {
    /// The imports that climb. Siblings of a folder use only those that stand below them in their parent's order. A child
    /// may use what its parent defines, and what its parent may use.
    pub fn climbers(&self) -> Vec<Climber> {
        let (tree, refused) = self.tree();
        let imports = imports(&tree);
        let mut up: BTreeMap<String, (BTreeSet<String>, String)> = BTreeMap::new();
        for import in &imports {
            let file = &tree[&import.from].file;
            if import.name == "*" {
                let head = format!("{file} imports everything of {}", called(&import.to));
                up.entry(head).or_default().1 = "nobody can tell what that is; name the items".into();
                continue;
            }
            let Some((folder, from, to)) = apart(import) else { continue };
            if place(&tree, folder, to) < place(&tree, folder, from) {
                let head = format!("{file} imports {}", called(&import.to));
                let (names, why) = up.entry(head).or_default();
                names.insert(import.name.clone());
                *why = format!(
                    "{} lists `mod {to}` above `mod {from}`; {}",
                    tree[folder].file,
                    cure(&imports, folder, from, to)
                );
            }
        }
        let told = |(head, (names, why)): (String, (BTreeSet<String>, String))| {
            let names: Vec<String> = names.into_iter().collect();
            let names = if names.is_empty() { String::new() } else { format!(" {}", names.join(", ")) };
            Climber { head, why: format!("({})", [names.trim(), &why].join(": ").trim_start_matches(": ")) }
        };
        up.into_iter().map(told).chain(refused).collect()
    }

    /// Every module that a module of this path imports, by its own text.
    pub fn imported(&self, module: &[&str]) -> BTreeSet<String> {
        let module: Path = module.iter().map(|name| (*name).to_owned()).collect();
        let imports = imports(&self.tree().0);
        imports
            .into_iter()
            .filter(|import| import.from == module)
            .map(|import| import.to.join("::"))
            .collect()
    }

    /// The modules, and what their files do that the law cannot see through.
    fn tree(&self) -> (Tree, BTreeSet<Climber>) {
        let (mut tree, mut refused) = (Tree::new(), BTreeSet::new());
        let root = self.files.get(&self.root).unwrap_or_else(|| panic!("{}/{}", self.folder, self.root));
        let mut open = vec![(Path::new(), self.root.clone(), read(parse(root)))];
        while let Some((path, file, mut source)) = open.pop() {
            let named = format!("{}/{file}", self.folder);
            // A file that is somewhere else is not looked for.
            let elsewhere = source.refused.iter().any(|(what, _)| *what == NAMED_FILE.0);
            for (what, why) in std::mem::take(&mut source.refused) {
                refused.insert(Climber { head: format!("{named} {what}"), why: why.into() });
            }
            let mut children = Vec::new();
            for child in std::mem::take(&mut source.children) {
                let inside = [&path[..], std::slice::from_ref(&child.name)].concat();
                match child.body {
                    Some(body) => open.push((inside, file.clone(), read(body))),
                    None => match self.file_of(&inside) {
                        Some((file, text)) => open.push((inside, file, read(parse(text)))),
                        None if elsewhere => open.push((inside, file.clone(), Source::default())),
                        None => panic!("{named}: no file for the module {}", inside.join("::")),
                    },
                }
                if !children.contains(&child.name) {
                    children.push(child.name);
                }
            }
            match tree.get_mut(&path) {
                // Two modules of one name under two conditions are one module here.
                Some(Module { source: twin, .. }) => {
                    for (name, paths) in source.names {
                        twin.names.entry(name).or_default().extend(paths);
                    }
                    twin.paths.extend(source.paths);
                }
                None => drop(tree.insert(path, Module { file: named, children, source })),
            }
        }
        (tree, refused)
    }

    fn file_of(&self, module: &[String]) -> Option<(String, &str)> {
        let place = module.join("/");
        let files = [format!("{place}.rs"), format!("{place}/mod.rs")];
        files.into_iter().find_map(|file| self.files.get(&file).map(|text| (file, &**text)))
    }
}

/// Where two siblings part: their folder, the sibling that the import stands in and the one that it reaches into. None
/// when one of the two modules is above the other in the tree: a parent and what is inside it are one floor.
fn apart(import: &Import) -> Option<(&[String], &String, &String)> {
    let same = import.from.iter().zip(&import.to).take_while(|(from, to)| from == to).count();
    Some((&import.from[..same], import.from.get(same)?, import.to.get(same)?))
}

/// The place of a module in its folder's order, from the top.
fn place(tree: &Tree, folder: &[String], module: &String) -> Option<usize> {
    tree[folder].children.iter().position(|child| child == module)
}

/// A circle has to be broken; without one, another order of the `mod` lines is enough.
fn cure(imports: &BTreeSet<Import>, folder: &[String], from: &String, to: &String) -> String {
    let mut reached = BTreeMap::from([(to, from)]);
    let mut next = VecDeque::from([to]);
    while let Some(at) = next.pop_front() {
        if at == from {
            let mut circle = vec![from];
            while let Some(before) = reached.get(circle[circle.len() - 1]) {
                circle.push(before);
                if *before == from {
                    break;
                }
            }
            circle.reverse();
            let circle: Vec<&str> = circle.into_iter().map(|name| &**name).collect();
            return format!("a circle: {}", circle.join(" → "));
        }
        for (inside, one, other) in imports.iter().filter_map(apart) {
            if inside == folder && one == at && !reached.contains_key(other) {
                reached.insert(other, at);
                next.push_back(other);
            }
        }
    }
    format!("no circle: put `mod {from}` above `mod {to}`")
}

fn called(module: &[String]) -> String {
    if module.is_empty() { "the crate's root".into() } else { module.join("::") }
}

fn imports(tree: &Tree) -> BTreeSet<Import> {
    let mut found = BTreeSet::new();
    for (from, module) in tree {
        for path in &module.source.paths {
            for (to, name) in resolve(tree, from, path, 0) {
                if to != *from {
                    found.insert(Import { from: from.clone(), to, name });
                }
            }
        }
    }
    found
}

/// The modules that a path leads to, with the name that is taken from each. A name that a module itself imported leads
/// on to where the name comes from. What belongs to other crates leads nowhere.
fn resolve(tree: &Tree, from: &[String], path: &[String], depth: usize) -> Vec<(Path, String)> {
    let Some((first, rest)) = path.split_first() else { return Vec::new() };
    // Two modules that import one name from each other do not compile; a name that is a crate's leads to itself.
    if depth > 16 {
        return Vec::new();
    }
    let module = &tree[from];
    match &**first {
        "crate" => descend(tree, Path::new(), rest, depth),
        "self" => descend(tree, from.to_vec(), rest, depth),
        "super" => match from.split_last() {
            Some((_, parent)) => descend(tree, parent.to_vec(), rest, depth),
            None => Vec::new(),
        },
        _ if module.children.contains(first) => descend(tree, from.to_vec(), path, depth),
        _ => match module.source.names.get(first) {
            Some(paths) => {
                let paths = paths.iter().filter(|whole| whole[0] != *first);
                paths.flat_map(|whole| resolve(tree, from, &[&whole[..], rest].concat(), depth + 1)).collect()
            }
            None => Vec::new(),
        },
    }
}

fn descend(tree: &Tree, mut at: Path, mut rest: &[String], depth: usize) -> Vec<(Path, String)> {
    while let Some((first, after)) = rest.split_first() {
        if first == "super" {
            at.pop();
        } else if tree[&at].children.contains(first) {
            at.push(first.clone());
        } else {
            let mut found = vec![(at.clone(), first.clone())];
            if tree[&at].source.names.contains_key(first) {
                found.extend(resolve(tree, &at, rest, depth + 1));
            }
            return found;
        }
        rest = after;
    }
    let name = at.last().cloned().unwrap_or_default();
    vec![(at, name)]
}

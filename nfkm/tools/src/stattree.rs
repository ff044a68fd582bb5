//! `stattree`: what the hardserver and its modules count, as a tree (UTILITIES section 3.4).

use std::fmt::Write;
use std::process::ExitCode;

use clap::Parser;
use ncore::types::{StatEnumTreeArgs, StatGetValuesArgs, StatID, StatInfo, StatNodeTag, Status};
use nfkm::{Client, Environment, Error};
use serde_json::{Map, Value as Json};

use crate::cli::{self, Failure};

/// Show what the hardserver and its modules count.
#[derive(Debug, Parser)]
#[command(name = "stattree")]
struct Options {
    /// The way to a node, of which the tree is shown: names and numbers, as in `PerModule 1 ModuleEnvStats`. Without it, the
    /// whole tree
    #[arg(value_name = "NODE")]
    path: Vec<String>,
    /// Answer in JSON
    #[arg(short, long)]
    json: bool,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let path = tags(&options.path)?;
        let client = Client::connect(&Environment::from_process().endpoint()?)?;
        let found = read(&client, path.clone())?.ok_or_else(|| {
            Failure::Operation(format!("there is no node `{}'", options.path.join(" ")))
        })?;
        // What is above the node is shown as well, so that a report says what it is of.
        let tree = (1..=path.len()).rev().fold(found, |node, depth| Node {
            values: Vec::new(),
            below: vec![(label(&path[..depth]), node)],
        });
        match options.json {
            true => cli::print_json(&json(&tree)),
            false => cli::print(&text(&tree)),
        }
    })
}

/// A node of the tree: values, and nodes below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Names and values.
    pub values: Vec<(String, Value)>,
    /// Labels and nodes.
    pub below: Vec<(String, Node)>,
}

/// A value of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A counter, or what is the case now.
    Number(u32),
    /// A text.
    Text(String),
}

/// The tree in the vendor's layout.
pub fn text(tree: &Node) -> String {
    let mut report = String::new();
    write(&mut report, tree, 0);
    report
}

fn write(report: &mut String, node: &Node, depth: usize) {
    let indent = "   ".repeat(depth);
    // Writing to a string cannot fail.
    for (name, value) in &node.values {
        let value = match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
        };
        let _ = writeln!(
            report,
            "{}",
            format!("{indent}-{name:20} {value}").trim_end()
        );
    }
    for (label, node) in &node.below {
        let _ = writeln!(report, "{indent}+{label}:");
        write(report, node, depth + 1);
    }
}

/// The tree as one object a node.
fn json(node: &Node) -> Json {
    let values = node.values.iter().map(|(name, value)| {
        let value = match value {
            Value::Number(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_str()),
        };
        (name.clone(), value)
    });
    let below = node.below.iter().map(|(label, node)| {
        let name = label.trim_start_matches('#').to_owned();
        (name, json(node))
    });
    Json::Object(values.chain(below).collect::<Map<_, _>>())
}

/// A node with everything below it. None if there is no such node, or no more: connections come and go.
fn read(client: &Client, path: Vec<u32>) -> Result<Option<Node>, Error> {
    let Some(listed) = found(client.transact(StatEnumTreeArgs {
        flags: 0,
        path_tags: path.clone(),
    }))?
    else {
        return Ok(None);
    };
    let mut node = Node::default();
    if !listed.statinfos.is_empty() {
        let args = StatGetValuesArgs {
            flags: 0,
            path_tags: path.clone(),
        };
        let Some(reply) = found(client.transact(args))? else {
            return Ok(None);
        };
        let strings = reply.strings.map(|strings| strings.v).unwrap_or_default();
        for (info, value) in reply.statinfos.iter().zip(reply.values) {
            node.values
                .push((name(info.id), self::value(info, value, &strings)?));
        }
    }
    for tag in listed.subnodetags {
        let below: Vec<u32> = path.iter().copied().chain([tag]).collect();
        // The tree of a server has four levels. One that has more is not worth a stack without end.
        if below.len() <= LEVELS_MAX
            && let Some(found) = read(client, below.clone())?
        {
            node.below.push((label(&below), found));
        }
    }
    Ok(Some(node))
}

/// The levels below the root that are looked at.
const LEVELS_MAX: usize = 8;

fn found<T>(reply: Result<T, Error>) -> Result<Option<T>, Error> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(Error::Status {
            status: Status::UnknownParameter,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn value(info: &StatInfo, word: u32, strings: &[String]) -> Result<Value, Error> {
    if info.flags & StatInfo::STRING == 0 {
        return Ok(Value::Number(word));
    }
    let text = strings.get(word as usize).ok_or(Error::Malformed {
        what: "StatGetValues reply",
    })?;
    Ok(Value::Text(text.clone()))
}

fn name(id: StatID) -> String {
    id.name().map_or_else(|| id.to_string(), str::to_owned)
}

/// What the last node of a path is called. Where a number stands is decided by depth: below, it could be taken for a tag.
fn label(path: &[u32]) -> String {
    match path {
        [root, number] if is_numbered(StatNodeTag(*root)) => format!("#{number}"),
        [.., tag] => {
            let tag = StatNodeTag(*tag);
            tag.name().map_or_else(|| tag.to_string(), str::to_owned)
        }
        [] => String::new(),
    }
}

/// Whether the nodes below a root are numbers: of connections, modules, devices and servers.
fn is_numbered(tag: StatNodeTag) -> bool {
    matches!(
        tag,
        StatNodeTag::Connections
            | StatNodeTag::PerModule
            | StatNodeTag::PerDevice
            | StatNodeTag::RemoteServers
    )
}

/// The way to a node as the protocol has it: a number may be written `1` or `#1`.
fn tags(path: &[String]) -> Result<Vec<u32>, Failure> {
    path.iter()
        .map(|word| {
            let tag = StatNodeTag::from_name(word).map(|tag| tag.0);
            tag.or_else(|| word.trim_start_matches('#').parse().ok())
                .ok_or_else(|| Failure::CommandLine(format!("`{word}' is no name of a node")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_the_layout_of_the_vendor() {
        let objects = Node {
            values: [
                ("ObjectCount", 5),
                ("ObjectsCreated", 6),
                ("ObjectsDestroyed", 1),
            ]
            .map(|(name, value)| (name.to_owned(), Value::Number(value)))
            .to_vec(),
            below: Vec::new(),
        };
        let tree = [label(&[3, 1, 7]), label(&[3, 1]), label(&[3])]
            .into_iter()
            .fold(objects, |node, label| Node {
                values: Vec::new(),
                below: vec![(label, node)],
            });
        // UTILITIES section 3.4.
        let expected = "\
+PerModule:
   +#1:
      +ModuleObjStats:
         -ObjectCount          5
         -ObjectsCreated       6
         -ObjectsDestroyed     1
";
        assert_eq!(text(&tree), expected);
        assert_eq!(
            json(&tree).to_string(),
            r#"{"PerModule":{"1":{"ModuleObjStats":{"ObjectCount":5,"ObjectsCreated":6,"ObjectsDestroyed":1}}}}"#
        );
    }

    #[test]
    fn nodes_are_named_or_numbered() {
        let path = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            tags(&words).ok()
        };
        assert_eq!(
            path(&["PerModule", "1", "ModuleEnvStats"]),
            Some(vec![3, 1, 8])
        );
        assert_eq!(path(&["Connections", "#7"]), Some(vec![2, 7]));
        assert_eq!(path(&["PerModule", "x"]), None);
    }

    #[test]
    fn a_module_number_is_taken_for_no_tag() {
        for module in [1, 2, 3, 10, 14] {
            assert_eq!(label(&[3, module]), format!("#{module}"));
            assert_eq!(label(&[3, module, 8]), "ModuleEnvStats");
        }
        assert_eq!(label(&[1]), "ServerGlobals");
        // A tag that no table has.
        assert_eq!(label(&[3, 2, 999]), StatNodeTag(999).to_string());
    }

    #[test]
    fn a_text_that_is_not_there_is_no_panic() {
        let info = StatInfo {
            id: StatID::SerialNumber,
            flags: StatInfo::STRING,
        };
        assert!(value(&info, 3, &[]).is_err());
        assert_eq!(
            value(&info, 0, &["a".to_owned()]).ok(),
            Some(Value::Text("a".to_owned()))
        );
    }
}

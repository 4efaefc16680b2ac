//! A run as files: all figures as JSON, one HTML page with the tables and the plots, which needs
//! nothing but a browser, and each plot as SVG.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::table::{self, figure};
use super::{Measure, Report, plot};
use crate::Failure;

/// The names of the files.
const JSON: &str = "bench.json";
const HTML: &str = "bench.html";

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}\
    table{border-collapse:collapse;font-size:13px}\
    td,th{padding:.15rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
    td:first-child,th:first-child{text-align:left}\
    .missed{color:#b00020;font-weight:600}svg{max-width:100%;height:auto}";

/// Writes the files into a folder, and tells where the first two are.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(folder)?;
    let files = [JSON, HTML].map(|it| folder.join(it));
    fs::write(&files[0], serde_json::to_vec_pretty(report)?)?;
    fs::write(&files[1], html(report))?;
    for it in report.measures.iter().flat_map(|it| &it.plots) {
        if let Some(svg) = plot::svg(it) {
            fs::write(folder.join(plot::file_name(&it.title)), svg)?;
        }
    }
    Ok(files.into())
}

fn html(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>skynet-bench</title>\
         <style>{STYLE}</style>\n<h1>skynet-bench</h1>\n<p>{}</p>\n<p><code>{}</code></p>\n",
        escaped(&report.machine.to_string()),
        escaped(&report.command)
    );
    page.push_str(&targets(report));
    for measure in &report.measures {
        page.push_str(&section(measure));
    }
    page
}

/// What had to be reached, and what was.
fn targets(report: &Report) -> String {
    let rows = report.measures.iter().flat_map(|measure| {
        measure.verdicts.iter().map(|verdict| {
            let (sign, bound) = verdict.bound.parts();
            let (class, met) = if verdict.is_met {
                ("met", "met")
            } else {
                ("missed", "not met")
            };
            format!(
                "<tr><td>{} {}<td>{}<td>{sign} {}<td class=\"{class}\">{met}\n",
                measure.name,
                escaped(&verdict.what),
                figure(verdict.value),
                figure(bound)
            )
        })
    });
    let rows: String = rows.collect();
    format!("<h2>Targets</h2>\n<table><tr><th>What<th>Figure<th>Target<th>\n{rows}</table>\n")
}

fn section(measure: &Measure) -> String {
    let mut section = format!(
        "<h2>{} {}</h2>\n<table>",
        measure.name,
        escaped(&measure.title)
    );
    for (at, cells) in table::used_cells(measure).iter().enumerate() {
        let kind = if at == 0 { "th" } else { "td" };
        let cells = cells.iter().map(|it| format!("<{kind}>{}", escaped(it)));
        section.extend(["<tr>".to_owned()].into_iter().chain(cells));
        section.push('\n');
    }
    section.push_str("</table>\n");
    for note in &measure.notes {
        let _ = writeln!(section, "<p>{}</p>", escaped(note));
    }
    for it in &measure.plots {
        section.extend(plot::svg(it));
    }
    section
}

/// A text within HTML or SVG.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

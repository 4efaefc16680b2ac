//! Plots as SVG, each readable by itself.

use std::fmt::Write as _;

use super::Plot;
use super::page::escaped;
use super::table::figure;

/// A plot's size, and the room beside its lines, in pixels.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 42.0;
/// Where the title and the names of the lines stand.
const TITLE: f64 = 18.0;
const NAMES: f64 = 38.0;
/// Room for a letter of a name, and for the mark before it.
const LETTER: f64 = 6.5;
const MARK: f64 = 22.0;
/// Marks on an axis.
const MARKS: u32 = 5;
/// Told apart by those who see few colours, too.
const COLOURS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999",
];

/// What a plot's file is called.
pub(super) fn file_name(title: &str) -> String {
    let words = title.split(|it: char| !it.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|it| !it.is_empty()).collect();
    words.join("-").to_lowercase() + ".svg"
}

/// A plot; none of one without points.
pub(super) fn svg(plot: &Plot) -> Option<String> {
    let points = || plot.lines.iter().flat_map(|it| &it.points);
    let most = |pick: fn(&(f64, f64)) -> f64| points().map(pick).fold(0.0, f64::max);
    let (across, up) = (most(|it| it.0), rounded_up(most(|it| it.1)));
    if across <= 0.0 || up <= 0.0 {
        return None;
    }
    let x = |value: f64| LEFT + value / across * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / up * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         role=\"img\" font-size=\"12\" font-family=\"system-ui,sans-serif\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\
         <text x=\"{LEFT}\" y=\"{TITLE}\" font-weight=\"600\">{}</text>\n",
        escaped(&plot.title)
    );
    for mark in 0..=MARKS {
        let share = f64::from(mark) / f64::from(MARKS);
        let (at_x, at_y) = (x(across * share), y(up * share));
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at_y:.1}\" y2=\"{at_y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{at_x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at_y + 4.0,
            figure(up * share),
            HEIGHT - BOTTOM + 16.0,
            figure(across * share)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text x=\"14\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {})\">{}</text>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 6.0,
        plot.across,
        HEIGHT / 2.0,
        HEIGHT / 2.0,
        plot.up
    );
    let mut name_x = LEFT;
    for (line, colour) in plot.lines.iter().zip(COLOURS.iter().cycle()) {
        let points = line.points.iter();
        let points: Vec<_> = points
            .map(|it| format!("{:.1},{:.1}", x(it.0), y(it.1)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>\
             <text x=\"{name_x:.0}\" y=\"{NAMES}\"><tspan fill=\"{colour}\">▬</tspan> {}</text>",
            points.join(" "),
            escaped(&line.name)
        );
        name_x += MARK + LETTER * line.name.chars().count() as f64;
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

/// The next number of one digit and zeros, or its half.
fn rounded_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let step = 10_f64.powf(value.log10().floor()) / 2.0;
    (value / step).ceil() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_every_line_within_its_frame() {
        let mut drawn = Plot::rates("a < b");
        drawn.line("one", vec![(0.0, 0.0), (10.0, 40_123.0)]);
        drawn.line("two", vec![(5.0, 20_000.0)]);
        let svg = svg(&drawn).unwrap_or_default();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &lt; b"), "{svg}");
        assert!(svg.contains("45000"), "the axis ends above the most: {svg}");
    }

    #[test]
    fn a_plot_without_points_is_left_out() {
        assert_eq!(svg(&Plot::rates("nothing")), None);
    }

    #[test]
    fn a_file_is_named_by_the_words_of_the_title() {
        assert_eq!(file_name("P1: leads, a second"), "p1-leads-a-second.svg");
    }

    #[test]
    fn an_axis_ends_at_a_round_number() {
        let ends = [0.0, 0.83, 7.2, 40_123.0].map(rounded_up);
        for (end, expected) in ends.into_iter().zip([0.0, 0.85, 7.5, 45_000.0]) {
            assert!((end - expected).abs() < 1e-9, "{end} is not {expected}");
        }
    }
}

/// One drag method that a spec can name: a row of the table of methods (`MethodRow.all`).
///
/// The spec parser, the command line, the JSON Schemas and docs/spec.md derive from the rows; `DragMethods` of the engine has
/// the implementation of each.
public struct MethodRow: Sendable {
    /// The name that people write.
    public let name: String
    /// A sentence about the method.
    public let text: String

    /// The table of methods; the first is the default.
    public static let all = [
        MethodRow(
            name: "clipdrag",
            text: "Motion supervision and CLIP's text gradient move the latent together, as the paper says."),
        MethodRow(name: "none", text: "No drag: the picture that `max_steps: 0` gives."),
    ]

    /// The names, in the table's order.
    public static var names: [String] { all.map(\.name) }

    /// The name of the default.
    public static var standard: String { all[0].name }
}

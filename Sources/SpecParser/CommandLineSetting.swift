import Failures
import Settings
import YAMLDocuments

/// Reads `KEY=VALUE` of `--set`.
///
/// - Throws: the mistake, with its place in `--set`.
public func parseSetting(_ text: String) throws(Failure) -> SettingAssignment {
    let decoder = DocumentDecoder(source: SourceText(file: "--set", text: text, .usage))
    guard let split = text.firstIndex(of: "=") else {
        throw decoder.error(
            "spec.set", "there is no `=` in `\(text)`", at: .start,
            do: "Write --set KEY=VALUE, such as --set max_steps=40.")
    }
    let name = String(text[..<split])
    let setting: Setting
    do { setting = try Setting.named(name) } catch {
        throw decoder.error("spec.unknown_key", error.message, at: .start, do: error.hint)
    }
    let mark = SourceMark(line: 1, column: name.count + 2)
    let node = YAMLNode.scalar(String(text[text.index(after: split)...]), isPlain: true, mark)
    return SettingAssignment(name: name, value: try decoder.value(node, of: setting), mark: mark)
}

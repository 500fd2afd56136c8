import ArgumentParser
import DurableFiles
import Failures
import Foundation
import JSON
import Processes

/// `clipdragd editor`: the path of the page that writes specs, or the page itself in a browser.
struct EditorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "editor", abstract: "Print the path of the page in which specs are made by clicking.",
        discussion: "The page is one file, works without a network, and opens in any browser.")

    @Flag(help: "Open the page in the browser (xdg-open).")
    var open = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let path = try Self.path()
            if output.json {
                print(EditorLine(path: path).oneLine)
            } else {
                output.printLine(path)
            }
            if open { try Self.show(path) }
        }
    }

    /// The page in the package's place beside this program, or in the checkout that this program was built in.
    private static func path() throws(Failure) -> String {
        let page = "share/clipdragd/editor.html"
        var folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<6 {
            let path = folder.appending(path: page).path(percentEncoded: false)
            if FileManager.default.fileExists(atPath: path) { return path }
            folder.deleteLastPathComponent()
        }
        throw Failure(
            .missingInput, code: "editor.missing", message: "the editor's page is not there",
            hint: "The package installs it as /usr/\(page).")
    }

    private static func show(_ path: String) throws(Failure) {
        guard let opener = ProgramRun.path(of: "xdg-open"), ProgramRun.run([opener, path])?.status == 0 else {
            throw Failure(
                .tryLater, code: "editor.browser", message: "no browser could be opened",
                hint: "Open \(path) in a browser.")
        }
    }
}

/// The line of `editor --json`.
private struct EditorLine: Record {
    static let schema = "clipdrag-editor/1"
    /// The page's path.
    let path: String
}

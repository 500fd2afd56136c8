import ArgumentParser
import DurableFiles
import EditJobs
import Failures
import Foundation
import Imaging
import JobFiles
import JSON
import ModelManagement
import ServiceConfiguration
import Settings
import TensorCore

/// `clipdragd caption`: the P_o that would be used.
struct CaptionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caption", abstract: "Print the source prompt that an edit would use.")

    @Argument(help: "The picture.")
    var image: String

    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            let picture = try picture()
            let folder = try model.folder(configuration, state: places.stateFolder)
            model.apply(folder)
            let loaded = try ModelStore.load(folder)
            let pixels = Tensor([1, picture.height, picture.width, 3], picture.normalised)
            let cache = JobCache(places.cache(configuration))
            let caption = CaptionChain(loaded, configuration.captions, cache: cache).caption(
                pixels, path: absolutePath(image), warn: OutputOptions.warn)
            print(
                output.json
                    ? CaptionLine(caption: caption.text, origin: caption.origin).oneLine
                    : PathCoding.onOneLine(caption.text))
        }
    }

    private func picture() throws(Failure) -> Image {
        let bytes: [UInt8]
        do { bytes = try PosixFileSystem().read(image) } catch { throw Failure(error, .missingInput) }
        do { return try Image(decoding: bytes) } catch { throw error.inFile(image) }
    }
}

/// The line of `caption --json`.
private struct CaptionLine: Record {
    static let schema = "clipdrag-caption/1"
    let caption: String
    let origin: Caption.Origin
}

import Failures
internal import CImageCodecs

/// An upright picture in memory: RGB samples, optional alpha, and the tags that an edit keeps.
public struct Image: Sendable, Equatable {
    /// A file's format.
    public enum Format: String, Sendable {
        case png
        case jpeg

        /// The usual file extension.
        public var fileExtension: String { self == .png ? "png" : "jpg" }
    }

    /// Columns.
    public let width: Int
    /// Rows.
    public let height: Int
    /// 8 or 16 bits a sample.
    public let depth: Int
    /// R, G, B interleaved, row by row from the top, 0…`maximum`.
    public var samples: [UInt16]
    /// Opacity, one value per pixel; nil for an opaque picture.
    public var alpha: [UInt16]?
    /// The format of its file.
    public var format: Format
    /// The colour tags of its file.
    public var colours: ColourTags
    /// Pixels to a unit of length, if its file has them.
    public var density: PixelDensity?
    /// A sentence for each part of its file that a result does not carry, and for each oddity that the reader ignored.
    public var notes: [String] = []

    /// Largest value of a sample.
    public var maximum: UInt16 { depth == 16 ? 65535 : 255 }

    /// A picture of the given samples.
    public init(
        width: Int, height: Int, depth: Int = 8, samples: [UInt16], alpha: [UInt16]? = nil,
        format: Format = .png, colours: ColourTags = ColourTags(), density: PixelDensity? = nil
    ) {
        precondition(samples.count == width * height * 3, "\(samples.count) samples for \(width)×\(height)")
        self.width = width
        self.height = height
        self.depth = depth
        self.samples = samples
        self.alpha = alpha
        self.format = format
        self.colours = colours
        self.density = density
    }

    /// The samples in [0, 1].
    public var normalised: [Float] {
        let scale = Float(maximum)
        return samples.map { Float($0) / scale }
    }

    /// The picture with other samples, given in [0, 1] and rounded to nearest. Alpha, tags and depth stay.
    public func replacingSamples(_ values: [Float]) -> Image {
        var copy = self
        let scale = Float(maximum)
        copy.samples = values.map { UInt16((min(max($0, 0), 1) * scale + 0.5).rounded(.down)) }
        return copy
    }

    /// Luma of a pixel by the usual 8-bit greyscale conversion: (19595·R + 38470·G + 7471·B + 32768) / 65536.
    public func luma(at index: Int) -> Int {
        let shift = depth == 16 ? 8 : 0
        let (r, g, b) = (
            Int(samples[3 * index]) >> shift, Int(samples[3 * index + 1]) >> shift,
            Int(samples[3 * index + 2]) >> shift
        )
        return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16
    }

    /// Limits of pictures: the largest number of pixels and the shortest side.
    public struct Limits: Sendable, Equatable {
        /// Width times height.
        public var pixels: Int
        /// Shortest side.
        public var shortestSide: Int

        /// 64 million pixels, sides from 32.
        public init(pixels: Int = 64_000_000, shortestSide: Int = 32) {
            self.pixels = pixels
            self.shortestSide = shortestSide
        }
    }

    /// Decodes a file's bytes. Their content decides the format.
    ///
    /// - Throws: `image.format` when they are neither PNG nor JPEG, `image.truncated`, `image.corrupt`,
    ///   `image.too_large`, `image.too_small`.
    public init(decoding bytes: [UInt8], limits: Limits = Limits()) throws(Failure) {
        guard let format = FileSignature.format(of: bytes) else {
            let kind = ForeignKind(of: bytes)
            throw Failure(
                .badJob, code: "image.format", message: "this is \(kind.name), neither PNG nor JPEG",
                hint: kind.advice
            )
        }
        var raw = ci_image()
        var message = [CChar](repeating: 0, count: Int(CI_MESSAGE_BYTES))
        let status =
            format == .png
            ? ci_read_png(bytes, bytes.count, UInt64(limits.pixels), &raw, &message)
            : ci_read_jpeg(bytes, bytes.count, UInt64(limits.pixels), &raw, &message)
        defer { ci_release(&raw) }
        let words = String(libraryWords: message)
        guard status == CI_OK else {
            if [CI_CORRUPT, CI_UNSUPPORTED].contains(status),
                let kind = ForeignKind(undecodable: bytes, format)
            {
                throw Failure(
                    .badJob, code: "image.format",
                    message: "this is \(kind.name), which is not read (\(words))",
                    hint: kind.advice)
            }
            throw Self.error(status, words, raw, limits)
        }
        guard min(raw.width, raw.height) >= limits.shortestSide else {
            throw Failure(
                .badJob, code: "image.too_small",
                message: "the picture has \(raw.width)×\(raw.height) pixels",
                hint: "Sides must have at least \(limits.shortestSide) pixels; enlarge it first.")
        }
        let metadata = FileMetadata(bytes, format)
        self = Self.upright(raw, format, metadata)
        switch raw.is_unfinished {
        case 0: break
        case 1: notes.append("the file has no end marker; all of the picture's rows are there")
        default: notes.append("the file is damaged behind the picture's last row")
        }
        if raw.warnings == 1 { notes.append("the decoder passed over a fault in the file: \(words)") }
        if raw.warnings > 1 {
            notes.append("the decoder passed over \(raw.warnings) faults in the file, the first: \(words)")
        }
    }

    private static func error(_ status: ci_status, _ text: String, _ raw: ci_image, _ limits: Limits)
        -> Failure
    {
        switch status {
        case CI_TRUNCATED:
            return Failure(
                .badJob, code: "image.truncated", message: "the picture ends too early (\(text))",
                hint: "Copy it again.")
        case CI_TOO_LARGE:
            return Failure(
                .badJob, code: "image.too_large",
                message: "the picture is too large: \(raw.width)×\(raw.height) pixels (\(text))",
                hint: "At most \(limits.pixels) pixels are taken (limits.pixels); make it smaller.")
        case CI_NO_MEMORY:
            return Failure(
                .badJob, code: "image.memory", message: "there is not enough memory to decode the picture",
                hint: "Make it smaller.")
        case CI_UNSUPPORTED:
            return Failure(
                .badJob, code: "image.format", message: "the picture is of a kind that is not read (\(text))",
                hint: "Convert it to PNG.")
        default:
            return Failure(
                .badJob, code: "image.corrupt", message: "the picture is damaged (\(text))",
                hint: "Save or copy it again.")
        }
    }

    /// Turns stored samples into upright RGB and alpha.
    private static func upright(_ raw: ci_image, _ format: Format, _ metadata: FileMetadata) -> Image {
        let (w, h, channels) = (Int(raw.width), Int(raw.height), Int(raw.channels))
        let turns = metadata.orientation >= 5
        let (width, height) = turns ? (h, w) : (w, h)
        let colours = channels >= 3 ? 3 : 1
        let hasAlpha = channels == 2 || channels == 4
        var samples = [UInt16](repeating: 0, count: w * h * 3)
        var alpha = hasAlpha ? [UInt16](repeating: 0, count: w * h) : nil
        func copy(_ sample: (Int) -> UInt16) {
            samples.withUnsafeMutableBufferPointer { samples in
                for y in 0..<height {
                    for x in 0..<width {
                        let source = source(x, y, orientation: metadata.orientation, width: w, height: h)
                        let (from, to) = (source * channels, y * width + x)
                        for c in 0..<3 { samples[3 * to + c] = sample(from + (colours == 3 ? c : 0)) }
                        if hasAlpha { alpha?[to] = sample(from + colours) }
                    }
                }
            }
        }
        if raw.depth == 16, let stored = raw.samples?.assumingMemoryBound(to: UInt16.self) {
            copy { stored[$0] }
        } else if let stored = raw.samples?.assumingMemoryBound(to: UInt8.self) {
            copy { UInt16(stored[$0]) }
        }
        var image = Image(
            width: width, height: height, depth: Int(raw.depth), samples: samples, alpha: alpha,
            format: format,
            colours: metadata.colours, density: turns ? metadata.density?.turned : metadata.density)
        image.notes = metadata.notes
        if raw.inks != 0 {
            image.notes.append(
                "the picture's inks (CMYK) become RGB, by their plain complement and no profile")
            if !image.colours.profile.isEmpty {
                image.colours.profile = []
                image.notes.append(
                    "the picture's colour profile is not kept: it is for RGB, and the file has inks")
            }
        }
        return image
    }

    /// The stored place of the upright pixel (x, y) (EXIF 2.3, tag 0x0112).
    private static func source(_ x: Int, _ y: Int, orientation: Int, width: Int, height: Int) -> Int {
        switch orientation {
        case 2: y * width + (width - 1 - x)
        case 3: (height - 1 - y) * width + (width - 1 - x)
        case 4: (height - 1 - y) * width + x
        case 5: x * width + y
        case 6: (height - 1 - x) * width + y
        case 7: (height - 1 - x) * width + (width - 1 - y)
        case 8: x * width + (width - 1 - y)
        default: y * width + x
        }
    }
}

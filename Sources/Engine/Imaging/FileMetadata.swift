/// The parts of a picture's file beside its samples.
struct FileMetadata {
    /// The picture's orientation in the file (EXIF 2.3, tag 0x0112), 1…8.
    var orientation = 1
    /// The colour tags, without those that libpng refuses.
    var colours = ColourTags()
    /// Pixels to a unit of length.
    var density: PixelDensity?
    /// A sentence for each thing that no result carries.
    var notes: [String] = []

    /// Reads a file's metadata. A broken part counts as absent; a note says so where that changes the picture's look.
    init(_ bytes: [UInt8], _ format: Image.Format) {
        let found = FoundMetadata(bytes, format)
        let exif = found.firstEXIF
        orientation = found.orientation
        density = found.density ?? exif?.density
        colours = found.colours
        keepWhatCanBeWritten()
        if let fault = found.profileFault {
            notes.append("the picture's colour profile is not kept: \(fault)")
        }
        notes += found.notes(orientation: orientation)
    }

    private mutating func keepWhatCanBeWritten() {
        if !colours.profile.isEmpty, let words = ColourTags(profile: colours.profile).refusal() {
            colours.profile = []
            notes.append("the picture's colour profile is not kept: libpng refuses it (\(words))")
        }
        if let words = colours.refusal() {
            colours = ColourTags(profile: colours.profile)
            notes.append(
                "the picture's gamma and chromaticities are not kept: libpng refuses them (\(words))")
        }
    }
}

/// The metadata that the readers of both formats have found in a file.
struct FoundMetadata {
    /// Blocks of EXIF, the format's own first.
    private(set) var exif: [ArraySlice<UInt8>] = []
    private var hasOwnEXIF = false
    var xmp: ArraySlice<UInt8>?
    var colours = ColourTags()
    /// Why the file's profile cannot be used.
    var profileFault: String?
    var density: PixelDensity?
    /// Frames of an animation, and whether the picture itself is one of them.
    var frames = 1
    var isStillAFrame = false
    /// Keywords of texts.
    var texts: [String] = []
    /// Names of other parts that a result does not keep, each once.
    private(set) var others: [String] = []
    var hasComment = false
    var hasIPTC = false
    var hasFurtherPictures = false

    /// Blocks of EXIF and names of other parts that are kept at most: a file may have millions.
    private static let (mostBlocks, mostOthers) = (16, 1000)

    /// Reads what a file has beside its samples.
    init(_ bytes: [UInt8], _ format: Image.Format) {
        switch format {
        case .png: PNGChunks.read(bytes, into: &self)
        case .jpeg: JPEGSegments.read(bytes, into: &self)
        }
    }

    /// The first EXIF that can be read.
    var firstEXIF: EXIF? { exif.lazy.compactMap { EXIF($0) }.first }

    /// The picture's orientation in the file (EXIF 2.3, tag 0x0112), 1…8.
    var orientation: Int { firstEXIF?.orientation ?? xmp.flatMap { xmpOrientation($0) } ?? 1 }

    mutating func note(other name: String) {
        if others.count < Self.mostOthers && !others.contains(name) { others.append(name) }
    }

    /// Adds a block of EXIF behind those found so far.
    mutating func add(exif block: ArraySlice<UInt8>) {
        if exif.count < Self.mostBlocks { exif.append(block) }
    }

    /// Sets the format's own block of EXIF, which counts first. Of several the first counts.
    mutating func setOwn(exif block: ArraySlice<UInt8>) {
        guard !hasOwnEXIF else { return }
        exif.insert(block, at: 0)
        hasOwnEXIF = true
    }

    func notes(orientation: Int) -> [String] {
        var notes: [String] = []
        if frames > 1 {
            notes.append(
                "the picture is an animation of \(frames) frames: only its \(isStillAFrame ? "first frame" : "still picture") is edited"
            )
        }
        let applied = orientation == 1 ? "" : "; its orientation (\(orientation)) is applied"
        if !exif.isEmpty { notes.append("the picture's EXIF data is not kept\(applied)") }
        if xmp != nil { notes.append("the picture's XMP data is not kept\(exif.isEmpty ? applied : "")") }
        if hasIPTC { notes.append("the picture's IPTC and Photoshop data is not kept") }
        if hasComment { notes.append("the picture's comment is not kept") }
        if hasFurtherPictures {
            notes.append("further pictures in the file (a preview, a gain map) are not kept")
        }
        if !texts.isEmpty { notes.append("the picture's texts are not kept: \(listed(texts))") }
        if !others.isEmpty { notes.append("other parts of the file are not kept: \(listed(others))") }
        return notes
    }

    /// At most eight of the printable names.
    private func listed(_ names: [String]) -> String {
        let shown = names.prefix(8).map { name in
            String(String.UnicodeScalarView(name.unicodeScalars.map { (" "..."~").contains($0) ? $0 : "?" }))
        }
        return shown.joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
    }
}

/// The orientation and density in EXIF (a TIFF 6.0 structure).
struct EXIF {
    var orientation: Int?
    var density: PixelDensity?

    /// Reads the first directory; nil where there is none. Some writers leave JPEG's `Exif\0\0` before it.
    init?(_ block: ArraySlice<UInt8>) {
        let bytes = block.starts(with: Array("Exif".utf8)) ? block.dropFirst(6) : block
        let isBig = bytes.starts(with: Array("MM".utf8))
        guard isBig || bytes.starts(with: Array("II".utf8)),
            let at = bytes.number(at: 4, count: 4, isBig: isBig),
            let entries = bytes.number(at: at, count: 2, isBig: isBig)
        else { return nil }
        var (x, y, unit): (Int?, Int?, Int) = (nil, nil, 2)
        for entry in 0..<entries {
            let at = at + 2 + 12 * entry
            guard let tag = bytes.number(at: at, count: 2, isBig: isBig),
                let type = bytes.number(at: at + 2, count: 2, isBig: isBig)
            else { break }
            func value() -> Int? { bytes.number(at: at + 8, count: type == 4 ? 4 : 2, isBig: isBig) }
            func ratio() -> Int? {
                guard type == 5, let place = bytes.number(at: at + 8, count: 4, isBig: isBig),
                    let above = bytes.number(at: place, count: 4, isBig: isBig),
                    let below = bytes.number(at: place + 4, count: 4, isBig: isBig), below > 0
                else { return nil }
                return Int((Double(above) / Double(below)).rounded())
            }
            switch tag {
            case 0x0112: orientation = value().flatMap { (1...8).contains($0) ? $0 : nil }
            case 0x011a: x = ratio()
            case 0x011b: y = ratio()
            case 0x0128: unit = value() ?? 2
            default: break
            }
        }
        if let x, let y {
            density = PixelDensity(x: x, y: y, unit: unit == 3 ? .centimetre : unit == 2 ? .inch : .none)
        }
    }
}

/// `tiff:Orientation` of an XMP packet, as an attribute or an element.
func xmpOrientation(_ packet: ArraySlice<UInt8>) -> Int? {
    guard let at = packet.firstRange(of: Array("tiff:Orientation".utf8))?.upperBound else { return nil }
    let value = packet[at...].prefix(8).drop { Array(" =\"'>".utf8).contains($0) }
    guard let digit = value.first, (UInt8(ascii: "1")...UInt8(ascii: "8")).contains(digit) else { return nil }
    return Int(digit - UInt8(ascii: "0"))
}

extension ArraySlice<UInt8> {
    /// A number of up to seven bytes at an offset from the slice's start; nil beyond the slice.
    func number(at offset: Int, count: Int, isBig: Bool = true) -> Int? {
        guard offset >= 0, count <= self.count, offset <= self.count - count else { return nil }
        let bytes = self[startIndex + offset..<startIndex + offset + count]
        return isBig
            ? bytes.reduce(0) { $0 << 8 | Int($1) } : bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// The bytes before and after the first zero byte; nil without one.
    var cutAtZero: (before: ArraySlice<UInt8>, after: ArraySlice<UInt8>)? {
        guard let zero = firstIndex(of: 0) else { return nil }
        return (self[startIndex..<zero], self[(zero + 1)...])
    }
}

/// The text of bytes in Latin-1.
func latin1(_ bytes: ArraySlice<UInt8>) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
}

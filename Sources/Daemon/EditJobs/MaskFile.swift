import DragEditing
import Failures
import Imaging
import Settings
import SpecParser
import YAMLDocuments

/// A mask from a picture that a spec names.
struct MaskFile {
    /// The mask, in the size of the edited picture.
    let mask: EditMask
    /// Remarks on the way in which the picture became a mask.
    let notes: [String]

    /// Reads a mask picture.
    ///
    /// - Parameters:
    ///   - name: its name in the spec, at `mark`.
    ///   - image: the picture to edit.
    /// - Throws: `spec.mask_size` unless the mask is as large as the picture or a whole multiple of it; `spec.empty_mask`
    ///   when it frees nothing.
    init(_ picture: Image, named name: String, at mark: SourceMark, in parsed: ParsedSpec, for image: Image)
        throws(Failure)
    {
        let read = MaskPicture(picture)
        let (wide, high) = (read.width / image.width, read.height / image.height)
        guard wide == high, wide >= 1, read.width == wide * image.width, read.height == high * image.height
        else {
            throw Self.wrongSize(read, name, mark, parsed, image)
        }
        guard !read.isBlack else {
            let channel = read.isFromAlpha || picture.alpha != nil ? "value or opacity" : "value"
            throw parsed.error(
                "spec.empty_mask",
                "the mask \(name) is black everywhere: its largest \(channel) is \(read.largest) of 255",
                at: mark,
                do:
                    "White may change: paint that part with \(MaskPicture.threshold) or more. Without `mask` all may change."
            )
        }
        let whole = EditMask(size: Size(height: read.height, width: read.width), values: read.values)
        mask = wide == 1 ? whole : whole.resized(to: Size(height: image.height, width: image.width))
        var notes: [String] = []
        if wide > 1 {
            notes.append(
                "the mask \(name) has \(wide) times the picture's size (\(read.width)×\(read.height)): it is scaled"
            )
        }
        if read.isFromAlpha {
            notes.append("the mask \(name) has its form in its alpha channel: what is opaque may change")
        }
        self.notes = notes
    }

    private static func wrongSize(
        _ mask: MaskPicture, _ name: String, _ mark: SourceMark, _ parsed: ParsedSpec, _ image: Image
    ) -> Failure {
        let isTurned = (mask.width, mask.height) == (image.height, image.width)
        return parsed.error(
            "spec.mask_size",
            "the mask \(name) has \(mask.width)×\(mask.height) pixels, the picture \(image.width)×\(image.height)",
            at: mark,
            do: isTurned
                ? "Turn the mask by a quarter: it belongs to the upright picture, as its orientation sets it."
                : "Make the mask as large as the picture, or a whole multiple of it.")
    }
}

extension OutputOptions.Filled {
    /// The format of a picture's result.
    func pictureFormat(of image: Image) -> Image.Format {
        switch format {
        case .same: image.format
        case .png: .png
        case .jpeg: .jpeg
        }
    }
}

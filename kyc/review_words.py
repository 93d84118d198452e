"""What a reviewer ticks off before approving, and the sentences that people read most often when something is wrong."""

from kyc.models import Part

CHECKLIST = {
    "genuine": "The ID looks genuine and whole, and has not expired",
    "name": "The name on the ID is the name that was written",
    "birth_date": "The date of birth is the same",
    "id_number": "Type and number of the ID are the same",
    "face": "The selfie shows the person on the ID",
    "alike": "Nobody else here is this person",
}

READY: dict[str, tuple[str, ...]] = {
    Part.NAME: (
        "This is not the name on your ID. Write all names as they stand there.",
        "Some of your names are missing. Write all names as they stand on your ID.",
    ),
    Part.BIRTH_DATE: ("This is not the date of birth on your ID.",),
    Part.ID_NUMBER: (
        "This is not the number on your ID. Look at it again.",
        "You chose another kind of ID than the one on your photo.",
    ),
    Part.ID_FRONT: (
        "The photo is blurred. Hold the phone still, and take it again in good light.",
        "A part of the ID is cut off. All four corners must be on the photo.",
        "Light falls on the ID and hides some of it. Turn it a little and take the photo again.",
        "This ID is no longer valid. Show us one that is.",
        "This is a photo of a screen or a copy. Take a photo of the ID itself.",
    ),
    Part.ID_BACK: (
        "The photo is blurred. Hold the phone still, and take it again in good light.",
        "A part of the ID is cut off. All four corners must be on the photo.",
        "This is not the back of your ID. Turn it round and take the photo again.",
    ),
    Part.SELFIE: (
        "Your face is hard to see. Take the photo in good light, without a hat or sunglasses.",
        "This is a photo of a photo. Take a selfie with your own camera.",
        "This does not look like the person on the ID. Take a new selfie.",
    ),
}

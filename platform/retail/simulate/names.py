"""Made-up people and places: no real address, and e-mail only at domains reserved for examples."""

import unicodedata
from typing import NamedTuple


class City(NamedTuple):
    """A place where customers live; `area` begins its postal codes."""

    name: str
    province: str
    area: str
    share: float


CITIES = (
    City("Toronto", "ON", "M5", 0.22),
    City("Ottawa", "ON", "K1", 0.08),
    City("Mississauga", "ON", "L5", 0.07),
    City("Hamilton", "ON", "L8", 0.05),
    City("Montréal", "QC", "H2", 0.16),
    City("Québec", "QC", "G1", 0.06),
    City("Vancouver", "BC", "V6", 0.10),
    City("Victoria", "BC", "V8", 0.03),
    City("Calgary", "AB", "T2", 0.07),
    City("Edmonton", "AB", "T5", 0.06),
    City("Winnipeg", "MB", "R3", 0.04),
    City("Halifax", "NS", "B3", 0.03),
    City("Saskatoon", "SK", "S7", 0.02),
    City("St. John's", "NL", "A1", 0.01),
)
FIRST_NAMES = (
    "Ana", "Amélie", "Arjun", "Benoît", "Chloé", "Daniel", "Elena", "Émile", "Fatima", "Félix",
    "Grace", "Hannah", "Hiroshi", "Ines", "Isaac", "Jack", "Jasmine", "José", "Kai", "Laila",
    "Léa", "Liam", "Lucas", "Maya", "Mei", "Mohamed", "Noah", "Noor", "Olivia", "Omar",
    "Priya", "Raphaël", "Rosa", "Samuel", "Sofia", "Thomas", "Valérie", "William", "Yara", "Zoé",
)  # fmt: skip
LAST_NAMES = (
    "Ahmed", "Anderson", "Bélanger", "Bouchard", "Brown", "Campbell", "Chan", "Chen", "Côté",
    "Das", "Diaz", "Dubois", "Fortin", "Fraser", "Gagnon", "Garcia", "Gauthier", "Grant", "Haddad",
    "Hughes", "Ivanova", "Johnson", "Kaur", "Khan", "Kim", "Kowalski", "Lavoie", "Leblanc", "Lee",
    "Lévesque", "MacDonald", "Martin", "Mehta", "Morin", "Nguyen", "O'Brien", "Okafor", "Ouellet",
    "Park", "Patel", "Pelletier", "Reid", "Rossi", "Roy", "Santos", "Scott", "Silva", "Singh",
    "Smith", "Stewart", "Suzuki", "Tanaka", "Taylor", "Thompson", "Tremblay", "Wang", "Wilson",
    "Wong", "Young", "Zhang",
)  # fmt: skip
STREETS = (
    "Alder Avenue", "Beacon Street", "Birch Road", "Canal Street", "Chestnut Lane", "Cedar Drive",
    "Church Street", "Elm Street", "Fir Crescent", "Garden Walk", "Hill Road", "Juniper Court",
    "King Street", "Lake Road", "Maple Avenue", "Meadow Way", "Mill Street", "Oak Street",
    "Park Avenue", "Pine Ridge", "Queen Street", "River Road", "rue des Érables", "rue du Moulin",
    "rue Principale", "School Lane", "Spruce Street", "Station Road", "Union Street", "Willow Way",
)  # fmt: skip
POSTAL_LETTERS = "ABCEGHJKLMNPRSTVWXYZ"  # D, F, I, O, Q and U are never used
POSTAL_CODES = 20 * 10 * 20 * 10  # after the area: letter, digit, letter, digit
DOMAINS = ("example.com", "example.org", "example.net")


def mailbox(name: str) -> str:
    """Return a name in the letters that an e-mail address may have."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalpha())

"""The facts and names that the demo model knows."""

from __future__ import annotations

# country, capital, continent
COUNTRIES: tuple[tuple[str, str, str], ...] = (
    ("France", "Paris", "Europe"),
    ("Germany", "Berlin", "Europe"),
    ("Italy", "Rome", "Europe"),
    ("Spain", "Madrid", "Europe"),
    ("Portugal", "Lisbon", "Europe"),
    ("Greece", "Athens", "Europe"),
    ("Austria", "Vienna", "Europe"),
    ("Switzerland", "Bern", "Europe"),
    ("Poland", "Warsaw", "Europe"),
    ("Hungary", "Budapest", "Europe"),
    ("Norway", "Oslo", "Europe"),
    ("Sweden", "Stockholm", "Europe"),
    ("Finland", "Helsinki", "Europe"),
    ("Denmark", "Copenhagen", "Europe"),
    ("Ireland", "Dublin", "Europe"),
    ("Belgium", "Brussels", "Europe"),
    ("Iceland", "Reykjavik", "Europe"),
    ("Ukraine", "Kyiv", "Europe"),
    ("Romania", "Bucharest", "Europe"),
    ("Croatia", "Zagreb", "Europe"),
    ("Japan", "Tokyo", "Asia"),
    ("China", "Beijing", "Asia"),
    ("India", "New Delhi", "Asia"),
    ("Thailand", "Bangkok", "Asia"),
    ("Vietnam", "Hanoi", "Asia"),
    ("Indonesia", "Jakarta", "Asia"),
    ("South Korea", "Seoul", "Asia"),
    ("Turkey", "Ankara", "Asia"),
    ("Iran", "Tehran", "Asia"),
    ("Egypt", "Cairo", "Africa"),
    ("Kenya", "Nairobi", "Africa"),
    ("Morocco", "Rabat", "Africa"),
    ("Ghana", "Accra", "Africa"),
    ("Ethiopia", "Addis Ababa", "Africa"),
    ("Canada", "Ottawa", "North America"),
    ("Mexico", "Mexico City", "North America"),
    ("Brazil", "Brasilia", "South America"),
    ("Argentina", "Buenos Aires", "South America"),
    ("Peru", "Lima", "South America"),
    ("Australia", "Canberra", "Oceania"),
)

OTHER_CITIES: tuple[str, ...] = (
    "London", "Manchester", "Edinburgh", "Amsterdam", "Prague", "Munich", "Hamburg", "Cologne",
    "Zurich", "Geneva", "Milan", "Naples", "Venice", "Turin", "Barcelona", "Seville", "Porto",
    "Lyon", "Marseille", "Nice", "Oxford", "New York", "Chicago", "Boston", "Seattle",
    "San Francisco", "Los Angeles", "Miami", "Houston", "Denver", "Toronto", "Montreal",
    "Vancouver", "Sydney", "Melbourne", "Singapore", "Mumbai", "Shanghai", "Osaka", "Kyoto",
    "Dubai", "Istanbul", "Moscow", "Lagos", "Cape Town", "Casablanca", "Rio de Janeiro",
    "Santiago",
)  # fmt: skip

CITIES: tuple[str, ...] = tuple(capital for _, capital, _ in COUNTRIES) + OTHER_CITIES

CONDITIONS: tuple[str, ...] = (
    "sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "stormy", "clear", "partly cloudy",
    "light rain",
)  # fmt: skip

PEOPLE: tuple[str, ...] = (
    "Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Ida", "Jack", "Kate",
    "Leo", "Maria", "Noah", "Olivia", "Paul", "Rosa", "Sam", "Tom", "Vera",
)  # fmt: skip

LISTS: dict[str, tuple[str, str, str]] = {
    "colors": ("red", "green", "blue"),
    "fruits": ("apple", "banana", "cherry"),
    "animals": ("cat", "dog", "horse"),
    "planets": ("Mercury", "Venus", "Earth"),
    "vegetables": ("carrot", "onion", "potato"),
    "metals": ("iron", "copper", "gold"),
}

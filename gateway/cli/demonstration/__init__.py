"""The main job on one machine: invented people, the ministry's real procedures, every fault of the real portal, one verdict."""

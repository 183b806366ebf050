"""Plans and verdicts as one page of HTML that needs no network; a template, a style and a script, and their data."""

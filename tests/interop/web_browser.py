"""torcd web in a browser: opens the listing, clicks into a folder, opens a file.

With SCREENSHOTS=DIR in the environment, what the browser shows is kept there as pictures.
"""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import web
import devtools

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"


class InTheBrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = web.Server(files={
            "notes.txt": "A note.\n", "Zebra.txt": "z", "numbers/file10.txt": "ten",
            "numbers/file9.txt": "nine", "numbers/grüße & <b>bold.txt": "Grüße aus der Datei",
            "big.bin": bytes(5 << 20), "empty/.keep": "",
            "page/index.html": "<!DOCTYPE html><title>A page</title><h1 id=x>The page</h1>",
        })
        cls.browser = devtools.Browser(CHROMIUM)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        assert cls.server.stop() == 0

    def picture(self, name):
        png = self.browser.screenshot()
        self.assertTrue(png.startswith(b"\x89PNG"))
        if "SCREENSHOTS" in os.environ:
            with open(os.path.join(os.environ["SCREENSHOTS"], name + ".png"), "wb") as file:
                file.write(png)
        return png

    def test_from_the_listing_to_a_file(self):
        browser = self.browser
        browser.open(self.server.url + "/")
        text = browser.evaluate("document.body.innerText")
        for word in ("numbers", "page", "notes.txt", "Zebra.txt", "big.bin", "5.0 MiB"):
            self.assertIn(word, text)
        self.assertLess(text.index("page"), text.index("big.bin"))  # folders come first
        listing = self.picture("listing")

        browser.click("numbers")
        browser.wait_for("location.pathname === '/numbers/' && document.readyState === 'complete'")
        text = browser.evaluate("document.body.innerText")
        self.assertLess(text.index("file9.txt"), text.index("file10.txt"))
        self.assertIn("grüße & <b>bold.txt", text)
        self.assertEqual(browser.evaluate("document.querySelectorAll('b').length"), 0)
        self.assertNotEqual(self.picture("folder"), listing)

        browser.click("grüße")
        browser.wait_for("location.pathname.endsWith('.txt') && document.readyState === 'complete'")
        self.assertEqual(browser.evaluate("document.body.innerText"), "Grüße aus der Datei")
        self.picture("file")

    def test_back_to_the_parent(self):
        self.browser.open(self.server.url + "/numbers/")
        self.browser.click("Parent folder")
        self.browser.wait_for("location.pathname === '/' && document.readyState === 'complete'")

    def test_a_folder_with_an_index(self):
        self.browser.open(self.server.url + "/")
        self.browser.click("page")
        self.browser.wait_for(
            "location.pathname === '/page/' && document.readyState === 'complete'")
        self.assertEqual(self.browser.evaluate("document.title"), "A page")

    def test_an_empty_folder_and_what_is_not_there(self):
        self.browser.open(self.server.url + "/empty/")
        self.picture("empty")
        self.browser.open(self.server.url + "/missing")
        self.assertIn("404 Not Found", self.browser.evaluate("document.body.innerText"))
        self.picture("missing")

    def test_dark_and_narrow(self):
        self.browser.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark"}])
        self.browser.open(self.server.url + "/")
        dark = self.browser.evaluate("getComputedStyle(document.body).backgroundColor")
        self.picture("dark")
        self.browser.call("Emulation.setEmulatedMedia", features=[])
        self.assertNotEqual(
            dark, self.browser.evaluate("getComputedStyle(document.body).backgroundColor"))
        self.browser.call("Emulation.setDeviceMetricsOverride", width=360, height=640,
                          deviceScaleFactor=1, mobile=True)
        self.browser.open(self.server.url + "/")
        self.assertTrue(self.browser.evaluate("document.documentElement.scrollWidth <= 360"))
        self.picture("narrow")
        self.browser.call("Emulation.clearDeviceMetricsOverride")


if __name__ == "__main__":
    web.need(CHROMIUM)
    web.main()
